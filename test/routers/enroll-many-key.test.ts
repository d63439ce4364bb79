// slow: many calls against each other
import fc from 'fast-check'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import type { Caller } from '../../routers/index.ts'
import { createTestDatabase } from '../support/database.ts'
import { addCourse, addLearners } from '../support/seed.ts'
import { callerOf, refusalOf } from './calls.ts'

type Input = Parameters<Caller['enrollment']['enrollMany']>[0]
type Item = Input['items'][number]

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const { enrollment } = callerOf(db)

let courseId: string
let items: Item[]
let idempotencyKey: string
let keys = 0
beforeEach(async () => {
  courseId = await addCourse(db)
  const learners = await addLearners(db, 3)
  items = learners.map(({ username }, index) => ({ username, courseId, ref: `row ${index}` }))
  keys += 1
  idempotencyKey = `key ${keys}`
})

describe('a batch with an idempotency key', () => {
  test('is answered the same again, byte for byte, and nothing is written again', async () => {
    const attributes = [{ namespace: 'a', name: 'b', value: 'ç\u2028"\\' }]
    const batch = [
      ...items.map((item) => ({ ...item, attributes })),
      { username: 'nobody \u0007 é', courseId, ref: 'ref "é"' },
      { email: ' x@y ', courseId: 'no key' },
      { ...items[0], courseId, mode: 'verified', whenEnrolled: 'update' } as Item,
    ]
    const first = await enrollment.enrollMany({ items: batch, idempotencyKey })
    expect(first).toMatchObject({
      status: 'applied',
      counts: { created: 3, learnerNotFound: 1, invalidCourseKey: 1, modeChanged: 1 },
    })
    await enrollment.change({ username: usernameOf(items[1]), courseId, isActive: false })
    const again = await enrollment.enrollMany({ items: batch, idempotencyKey })
    expect(JSON.stringify(again)).toBe(JSON.stringify({ ...first, status: 'replayed' }))
    expect(await events()).toBe(5)
  })

  test('without a key the second time is a batch of its own (so it is the key that answers)', async () => {
    const first = await enrollment.enrollMany({ items })
    const again = await enrollment.enrollMany({ items })
    expect(again).toMatchObject({ status: 'applied', counts: { unchanged: 3 } })
    expect(again.batchId).not.toBe(first.batchId)
  })

  test('marks its events with the batchId that every answer tells', async () => {
    await enrollment.enrollMany({ items, idempotencyKey })
    const { batchId } = await enrollment.enrollMany({ items, idempotencyKey })
    expect(await enrollment.history({ username: usernameOf(items[0]), courseId })).toMatchObject([{ batchId }])
  })

  test('is the same batch with its defaults written out and its keys in another order', async () => {
    const first = await enrollment.enrollMany({ items, idempotencyKey })
    const spelled = items.map((item) => ({
      ref: item.ref,
      force: false,
      whenEnrolled: 'keep' as const,
      isActive: true,
      mode: undefined,
      courseId,
      username: usernameOf(item),
    }))
    const input: Input = { idempotencyKey, dryRun: false, failureMode: 'bestEffort', items: spelled }
    expect(await enrollment.enrollMany(input)).toEqual({ ...first, status: 'replayed' })
  })

  test.each<[string, () => Partial<Input>]>([
    ['another item', () => ({ items: [...items.slice(1), { username: 'nobody', courseId }] })],
    ['another order', () => ({ items: items.toReversed() })],
    ['another ref', () => ({ items: items.map((item) => ({ ...item, ref: 'row' })) })],
    ['another mode of failure', () => ({ failureMode: 'strict' })],
  ])('with %s is refused, and nothing is done', async (_, change) => {
    await enrollment.enrollMany({ items, idempotencyKey })
    const refusal = await refusalOf(enrollment.enrollMany({ items, idempotencyKey, ...change() }))
    expect(refusal).toEqual({ trpc: 'CONFLICT', code: 'idempotencyMismatch', details: { key: idempotencyKey } })
    expect(await events()).toBe(3)
  })

  test('belongs to the name of its actor', async () => {
    await enrollment.enrollMany({ items, idempotencyKey })
    const another = callerOf(db, { actor: { kind: 'service', name: 'another' } })
    expect(await another.enrollment.enrollMany({ items: items.slice(1), idempotencyKey })).toMatchObject({
      status: 'applied',
      counts: { unchanged: 2 },
    })
    const sameName = callerOf(db, { actor: { kind: 'user', name: 'tests' } })
    expect(await sameName.enrollment.enrollMany({ items, idempotencyKey })).toMatchObject({ status: 'replayed' })
  })

  test('in which every item fails is answered the same again too', async () => {
    const failing = [{ username: 'late', courseId }]
    const first = await enrollment.enrollMany({ items: failing, idempotencyKey })
    expect(first).toMatchObject({ status: 'applied', counts: { learnerNotFound: 1 } })
    await addLearners(db, 1, { username: 'late', email: null })
    expect(await enrollment.enrollMany({ items: failing, idempotencyKey })).toEqual({ ...first, status: 'replayed' })
  })

  test('of 10 000 items is answered again', async () => {
    const many = (await addLearners(db, 10_000)).map(({ username }) => ({ username, courseId }))
    const first = await enrollment.enrollMany({ items: many, idempotencyKey })
    const again = await enrollment.enrollMany({ items: many, idempotencyKey })
    expect(JSON.stringify(again.results)).toBe(JSON.stringify(first.results))
    expect(again.counts).toEqual({ created: 10_000 })
  })

  test('takes keys of 255 characters', async () => {
    const long = `${keys}`.padEnd(255, 'é')
    await enrollment.enrollMany({ items, idempotencyKey: long })
    expect(await enrollment.enrollMany({ items, idempotencyKey: long })).toMatchObject({ status: 'replayed' })
  })
})

describe('strict', () => {
  test('is answered again where it was kept', async () => {
    const first = await enrollment.enrollMany({ items, failureMode: 'strict', idempotencyKey })
    const again = await enrollment.enrollMany({ items, failureMode: 'strict', idempotencyKey })
    expect([first.status, again.status, again.batchId]).toEqual(['applied', 'replayed', first.batchId])
  })

  test('frees the key where it was rolled back: the corrected batch may use it', async () => {
    const failing = [...items, { username: 'nobody', courseId }]
    const first = await enrollment.enrollMany({ items: failing, failureMode: 'strict', idempotencyKey })
    expect(first).toMatchObject({ status: 'rolledBack', counts: { notAttempted: 3, learnerNotFound: 1 } })
    expect(await keysKept()).toBe(0)
    expect(await events()).toBe(0)
    const corrected = await enrollment.enrollMany({ items, failureMode: 'strict', idempotencyKey })
    expect(corrected).toMatchObject({ status: 'applied', counts: { created: 3 } })
    expect(await enrollment.enrollMany({ items, failureMode: 'strict', idempotencyKey })).toMatchObject({
      status: 'replayed',
    })
  })
})

describe('a dry run', () => {
  test('uses no key', async () => {
    const planned = await enrollment.enrollMany({ items, dryRun: true, idempotencyKey })
    expect(planned).toMatchObject({ status: 'planned', counts: { created: 3 } })
    expect(await keysKept()).toBe(0)
    expect(await enrollment.enrollMany({ items, idempotencyKey })).toMatchObject({ status: 'applied' })
  })

  test('under a used key plans as always', async () => {
    await enrollment.enrollMany({ items, idempotencyKey })
    const others = [...items, { username: 'nobody', courseId }]
    expect(await enrollment.enrollMany({ items: others, dryRun: true, idempotencyKey })).toMatchObject({
      status: 'planned',
      counts: { unchanged: 3, learnerNotFound: 1 },
    })
    expect(await enrollment.enrollMany({ items, idempotencyKey })).toMatchObject({ status: 'replayed' })
  })
})

test('whatever is sent under a few keys, each key answers as its first use did, and refuses what differs', async () => {
  const learners = (await addLearners(db, 3)).map(({ username }) => username)
  const item = fc.record({
    username: fc.constantFrom(...learners, 'nobody'),
    mode: fc.constantFrom('audit', 'verified', 'masters'),
    whenEnrolled: fc.constantFrom('keep' as const, 'update' as const),
    isActive: fc.boolean(),
  })
  const call = fc.record({
    key: fc.constantFrom('a', 'b'),
    items: fc.array(item, { minLength: 1, maxLength: 2 }),
    failureMode: fc.constantFrom('bestEffort' as const, 'strict' as const),
  })
  let runs = 0
  await fc.assert(
    fc.asyncProperty(fc.array(call, { minLength: 2, maxLength: 6 }), async (calls) => {
      runs += 1
      const course = await addCourse(db)
      const model = new Map<string, { input: string; results: string }>()
      for (const { key, ...call } of calls) {
        const asked = { ...call, items: call.items.map((one) => ({ ...one, courseId: course })) }
        const known = model.get(key)
        const sent = enrollment.enrollMany({ ...asked, idempotencyKey: `${idempotencyKey} ${runs} ${key}` })
        if (known !== undefined && known.input !== JSON.stringify(call)) {
          expect(await refusalOf(sent)).toMatchObject({ code: 'idempotencyMismatch' })
          continue
        }
        const { status, results } = await sent
        if (known === undefined) expect(status).toMatch(/^(applied|rolledBack)$/)
        else expect([status, JSON.stringify(results)]).toEqual(['replayed', known.results])
        if (status === 'applied') model.set(key, { input: JSON.stringify(call), results: JSON.stringify(results) })
      }
    }),
    { numRuns: 40 },
  )
})

function usernameOf(item: Item | undefined): string {
  return item !== undefined && 'username' in item ? item.username : ''
}

/** How many events the course run of the test has. */
async function events(): Promise<number> {
  const rows = await db
    .selectFrom('enrollment_events as v')
    .innerJoin('enrollments as e', 'e.id', 'v.enrollment_id')
    .innerJoin('courses as c', 'c.id', 'e.course_id')
    .select('v.id')
    .where('c.course_key', '=', courseId)
    .execute()
  return rows.length
}

/** How many rows the key of the test has. */
async function keysKept(): Promise<number> {
  return (await db.selectFrom('idempotency_keys').select('key').where('key', '=', idempotencyKey).execute()).length
}
