import { fetchRequestHandler } from '@trpc/server/adapters/fetch'
import { afterAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { callContextOf } from '../../routers/call.ts'
import { appRouter, type Caller, type EnrollItem } from '../../routers/index.ts'
import { operations } from '../../routers/operations.ts'
import { createTestDatabase } from '../support/database.ts'
import { addCourse, addLearner } from '../support/seed.ts'
import { ACTOR, callerOf, errorOf } from './calls.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const context = () => callContextOf({ db, actor: ACTOR }, 'rpc')

const courseId = await addCourse(db)
const pair = async () => ({ username: (await addLearner(db)).username, courseId })

/** What tRPC's tools read of a procedure. */
interface Definition {
  readonly type: string
  readonly inputs: readonly z.ZodType[]
  readonly output: z.ZodType
}

const procedures = Object.entries(operations).flatMap(([group, ofGroup]) =>
  Object.entries(ofGroup).map(([name, operation]) => ({ path: `${group}.${name}`, operation })),
)

describe('the router is an ordinary one of tRPC', () => {
  test('with a procedure for each operation, and no other', () => {
    expect(Object.keys(appRouter._def.procedures).toSorted()).toEqual(procedures.map(({ path }) => path).toSorted())
  })

  test.each(procedures)('whose tools see the kind, the input and the output of $path', ({ path, operation }) => {
    const { type, inputs, output } = definitionOf(path)
    expect(type).toBe(operation.type)
    expect(inputs).toEqual([operation.input])
    expect(z.toJSONSchema(output)).toEqual(z.toJSONSchema(operation.output))
    expect(z.toJSONSchema(output)).not.toEqual(z.toJSONSchema(z.unknown()))
    const { anyOf: forms, ...form } = z.toJSONSchema(inputs[0] ?? z.never(), { io: 'input' })
    for (const each of forms ?? [form]) expect(each).toMatchObject({ type: 'object' })
  })

  test('a schema says what is in it: the output of enroll and the input of get', () => {
    expect(z.toJSONSchema(definitionOf('enrollment.enroll').output)).toMatchObject({
      type: 'object',
      required: ['kind', 'enrollment', 'before', 'eventId'],
      additionalProperties: false,
    })
    const [input] = definitionOf('enrollment.get').inputs
    expect(z.toJSONSchema(input ?? z.never(), { io: 'input' })).toMatchObject({
      type: 'object',
      required: ['courseId'],
      properties: { username: { type: 'string' }, courseId: { type: 'string' } },
    })
  })

  test('has a caller of tRPC’s own, which answers like ours', async () => {
    const caller = appRouter.createCaller(context())
    const given = await pair()
    expect(await caller.enrollment.enroll(given)).toMatchObject({ kind: 'created' })
    expect(await caller.enrollment.get(given)).toEqual(await callerOf(db).enrollment.get(given))
    const refused = (one: Pick<Caller, 'enrollment'>) =>
      errorOf(one.enrollment.enroll({ ...given, username: 'nobody' }))
    const [theirs, ours] = [await refused(caller as unknown as Caller), await refused(callerOf(db))]
    expect([theirs.code, theirs.message]).toEqual([ours.code, ours.message])
  })
})

describe('over HTTP', () => {
  test.each(['enrollment.nothing', 'nothing', 'enrollment', 'enrollment.enroll.more', '__proto__', 'constructor'])(
    'there is no procedure %s',
    async (path) => {
      const { status, body } = await post(path, {})
      expect(status).toBe(404)
      expect(body).toMatchObject({ error: { data: { code: 'NOT_FOUND' } } })
    },
  )

  test('of a batch with a failing call the others stand', async () => {
    const [first, second] = [await pair(), await pair()]
    const path = [
      'enrollment.enroll',
      'enrollment.enroll',
      'enrollment.nothing',
      'enrollment.enroll',
      'enrollment.enroll',
    ].join()
    const inputs = { 0: first, 1: { ...first, username: 'nobody' }, 2: {}, 3: { ...first, mode: 7 }, 4: second }
    const { status, body } = await post(`${path}?batch=1`, inputs)
    expect(status).toBe(207)
    expect(body).toMatchObject([
      { result: { data: { kind: 'created' } } },
      { error: { data: { code: 'NOT_FOUND', reason: 'learnerNotFound', details: { username: 'nobody' } } } },
      { error: { data: { code: 'NOT_FOUND' } } },
      { error: { data: { code: 'BAD_REQUEST' } } },
      { result: { data: { kind: 'created' } } },
    ])
    expect(await callerOf(db).enrollment.get(second)).not.toBeNull()
  })

  test('a batch of too many items is 413, PAYLOAD_TOO_LARGE, with its reason', async () => {
    const items: EnrollItem[] = Array.from({ length: 10_001 }, () => ({ username: 'a', courseId }))
    const { status, body } = await post('enrollment.enrollMany', { items })
    expect(status).toBe(413)
    expect(body).toMatchObject({
      error: { data: { code: 'PAYLOAD_TOO_LARGE', reason: 'batchTooLarge', details: { limit: 10_000 } } },
    })
  })

  test('malformed input is BAD_REQUEST with its issues, and without a trace of the process', async () => {
    const { status, body } = await post('enrollment.enroll', { ...(await pair()), isActive: 'yes', colour: 'red' })
    expect(status).toBe(400)
    expect(body).toMatchObject({ error: { data: { code: 'BAD_REQUEST', path: 'enrollment.enroll' } } })
    const { issues } = (body as { error: { data: { issues: { path: string[]; code: string }[] } } }).error.data
    expect(issues.map(({ path, code }) => [path.join('.'), code])).toEqual([
      ['isActive', 'invalid_type'],
      ['', 'unrecognized_keys'],
    ])
    expect(JSON.stringify(body)).not.toMatch(/\.ts|node_modules|stack/)
  })

  test('a text that is no JSON is a bad request', async () => {
    const { status, body } = await post('enrollment.enroll', '{"username":')
    expect(status).toBe(400)
    expect(JSON.stringify(body)).not.toMatch(/\.ts|node_modules/)
  })
})

function definitionOf(path: string): Definition {
  const procedure: unknown = Reflect.get(appRouter._def.procedures, path)
  return (procedure as { _def: Definition })._def
}

async function post(path: string, input: unknown): Promise<{ status: number; body: unknown }> {
  const body = typeof input === 'string' ? input : JSON.stringify(input)
  const req = new Request(`http://localhost/trpc/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  })
  const response = await fetchRequestHandler({
    endpoint: '/trpc',
    req,
    router: appRouter,
    allowMethodOverride: true,
    createContext: context,
  })
  return { status: response.status, body: await response.json() }
}
