import { afterAll, expect, test } from 'vitest'
import { appRouter, createCaller, type Context } from '../../routers/index.ts'
import { createTestDatabase } from '../support/database.ts'
import { addCourse, addLearner } from '../support/seed.ts'
import { ACTOR, errorOf } from './calls.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const courseId = await addCourse(db)
const { username } = await addLearner(db)

test.each([
  ['nobody', undefined],
  ['null', null],
  ['a text', 'tests'],
  ['one without a name', { kind: 'service' }],
  ['an empty name', { kind: 'service', name: '' }],
  ['a name of blanks', { kind: 'service', name: ' \t' }],
  ['a name with a NUL', { kind: 'service', name: 'a\0b' }],
  ['a name of half a character', { kind: 'service', name: '\ud800' }],
  ['a name that is too long', { kind: 'service', name: 'x'.repeat(256) }],
  ['an unknown kind', { kind: 'robot', name: 'tests' }],
])('a call by %s is refused before anything is read', async (_, actor) => {
  const { enrollment, events } = createCaller({ db, actor: actor as Context['actor'] })
  const calls = [
    () => enrollment.enroll({ username, courseId }),
    () => enrollment.get({ username, courseId }),
    () => events.list({}),
    // Not even its form is looked at.
    () => enrollment.enroll({} as Parameters<typeof enrollment.enroll>[0]),
  ]
  for (const call of calls) expect((await errorOf(call())).code).toBe('UNAUTHORIZED')
  expect(await db.selectFrom('enrollments').select('id').execute()).toEqual([])
})

test('no procedure can be reached without an actor', async () => {
  const caller = createCaller({ db } as Context)
  const paths = Object.keys(appRouter._def.procedures)
  expect(paths.length).toBeGreaterThanOrEqual(10)
  for (const path of paths) {
    const [router, procedure] = path.split('.') as ['enrollment', 'enroll']
    const answer: unknown = caller[router][procedure]({} as Parameters<typeof caller.enrollment.enroll>[0])
    // A subscription answers when it is read.
    const call = answer instanceof Promise ? answer : (answer as AsyncIterator<unknown>).next()
    expect([path, (await errorOf(call)).code]).toEqual([path, 'UNAUTHORIZED'])
  }
})

test.each(['service', 'user', 'system'] as const)('a %s may call', async (kind) => {
  const { enrollment } = createCaller({ db, actor: { kind, name: 'ünïcode ✓' } })
  const learner = await addLearner(db)
  await enrollment.enroll({ username: learner.username, courseId })
  expect(await enrollment.history({ username: learner.username, courseId })).toMatchObject([
    { actor: { kind, name: 'ünïcode ✓' } },
  ])
})

test('each call is told to the log, without its input', async () => {
  const told: [object, string][] = []
  const log = { debug: (fields: object, message: string) => told.push([fields, message]), error: () => {} }
  const { enrollment } = createCaller({ db, actor: ACTOR, log })
  await enrollment.get({ username, courseId })
  await errorOf(enrollment.enroll({ username: 'nobody', courseId }))
  expect(told).toEqual([
    [expect.objectContaining({ path: 'enrollment.get', type: 'query', ok: true }), 'procedure called'],
    [expect.objectContaining({ path: 'enrollment.enroll', type: 'mutation', ok: false }), 'procedure called'],
  ])
  expect(JSON.stringify(told)).not.toContain('nobody')
})
