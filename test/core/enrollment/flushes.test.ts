import { afterAll, expect, test } from 'vitest'
import { callerOf, refusalOf } from '../../routers/calls.ts'
import { createTestDatabase } from '../../support/database.ts'
import { openCountedPool } from '../../support/flushes.ts'
import { addCourse, addLearners } from '../../support/seed.ts'

// How often a lone call waits for PostgreSQL. Calls of a course run that was asked for before: what is known of it counts.

const CALLS = 9
const attributes = [{ namespace: 'a', name: 'b', value: 'c' }]

const database = await createTestDatabase()
const { db } = database
const counted = await openCountedPool(database.connectionString)
const { pool, fewestOf } = counted
afterAll(async () => {
  await counted[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

test('a new enrollment in a course run with seats: two', async () => {
  const courseId = await addCourse(db, { max_enrollments: 100 })
  const [first = '', ...learners] = await names(CALLS + 1)
  await enroll({ username: first, courseId })
  expect(await fewestOf(learners, (username) => enroll({ username, courseId }))).toBe(2)
})

test('the first one in a course run that nothing is known of is read before: three', async () => {
  const counts = await fewestOf(await names(CALLS), async (username) =>
    enroll({ username, courseId: await addCourse(db, { max_enrollments: 100 }) }),
  )
  expect(counts).toBe(3)
})

test('with attributes: two', async () => {
  const courseId = await addCourse(db)
  const [first = '', ...learners] = await names(CALLS + 1)
  await enroll({ username: first, courseId, attributes })
  expect(await fewestOf(learners, (username) => enroll({ username, courseId, attributes }))).toBe(2)
  const change = (username: string) => callerOf(pool).enrollment.change({ username, courseId, attributes })
  expect(await fewestOf(learners, change)).toBe(2)
})

test('with attributes in a course run with seats: two', async () => {
  const courseId = await addCourse(db, { max_enrollments: 100 })
  const [first = '', ...learners] = await names(CALLS + 1)
  await enroll({ username: first, courseId })
  expect(await fewestOf(learners, (username) => enroll({ username, courseId, attributes }))).toBe(2)
})

test('a full course run: one, as long as nothing is written', async () => {
  const courseId = await addCourse(db, { max_enrollments: 1 })
  const [first = '', second = '', ...learners] = await names(CALLS + 2)
  await enroll({ username: first, courseId })
  const refused = (username: string) => refusalOf(enroll({ username, courseId }))
  expect(await refused(second)).toMatchObject({ code: 'courseFull' })
  expect(await fewestOf(learners, refused)).toBe(1)
  await callerOf(pool).enrollment.change({ username: first, courseId, isActive: false })
  expect(await enroll({ username: second, courseId })).toMatchObject({ kind: 'created' })
})

test('a batch for seats of several course runs: two; three where the last one wrote nothing', async () => {
  const courses = [await addCourse(db, { max_enrollments: 100 }), await addCourse(db, { max_enrollments: 100 })]
  const [first = '', ...learners] = await names(CALLS + 1)
  for (const courseId of courses) await enroll({ username: first, courseId })
  const batch = (username: string) =>
    callerOf(pool).enrollment.enrollMany({ items: courses.map((courseId) => ({ username, courseId })) })
  expect(await fewestOf(learners, batch)).toBe(2)
  // Each alone comes after one that wrote nothing.
  const counts: number[] = []
  for (const username of await names(CALLS)) {
    expect((await batch(first)).counts).toEqual({ unchanged: 2 })
    counts.push(await fewestOf([username], batch))
  }
  expect(Math.min(...counts)).toBe(3)
  expect(await fewestOf(await names(CALLS), batch)).toBe(2)
})

test('a batch with an idempotency key: four, a repeat three', async () => {
  const courseId = await addCourse(db)
  const [first = '', ...learners] = await names(CALLS + 1)
  await enroll({ username: first, courseId })
  const once = (username: string) =>
    callerOf(pool).enrollment.enrollMany({ items: [{ username, courseId }], idempotencyKey: username })
  expect(await fewestOf(learners, once)).toBe(4)
  expect(await fewestOf(learners, once)).toBe(3)
})

test('a round of gathered calls: as many as a lone one', async () => {
  const courseId = await addCourse(db, { max_enrollments: 10_000 })
  const [first = '', ...learners] = await names(CALLS * 20 + 1)
  await enroll({ username: first, courseId })
  const rounds = Array.from({ length: CALLS }, (_, round) => learners.slice(round * 20, round * 20 + 20))
  const together = (usernames: string[]) => Promise.all(usernames.map((username) => enroll({ username, courseId })))
  expect(await fewestOf(rounds, together)).toBe(2)
})

function enroll(input: Parameters<ReturnType<typeof callerOf>['enrollment']['enroll']>[0]) {
  return callerOf(pool).enrollment.enroll(input)
}

async function names(count: number): Promise<string[]> {
  return (await addLearners(db, count)).map(({ username }) => username)
}
