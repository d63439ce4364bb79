import { afterAll, expect, test } from 'vitest'
import { counting } from '../support/counting.ts'
import { createTestDatabase } from '../support/database.ts'
import { addAllowance, addCourse, addLearners } from '../support/seed.ts'
import { callerOf } from './calls.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database

test.each([
  ['bestEffort in an open course run', {}, {}],
  ['bestEffort in a course run with seats', { max_enrollments: 900 }, {}],
  ['strict', {}, { failureMode: 'strict' }],
  ['a dry run', {}, { dryRun: true }],
  ['with a key', {}, { idempotencyKey: 'key' }],
  [
    'strict with a key in a course run with seats',
    { max_enrollments: 2000 },
    { failureMode: 'strict', idempotencyKey: 'strict key' },
  ],
] as const)('%s takes as many statements for 1000 items as for 10', async (_, columns, options) => {
  const counts = []
  for (const size of [10, 1000]) {
    const items = await fresh(size, columns)
    // The second time all of them exist.
    for (const repeat of ['first', 'again']) {
      const counted = counting(db)
      const key = 'idempotencyKey' in options ? { idempotencyKey: `${options.idempotencyKey} ${size}` } : {}
      await callerOf(counted.db).enrollment.enrollMany({ items, ...options, ...key })
      counts.push({ size, repeat, statements: counted.statements() })
    }
  }
  const [few, fewAgain, many, manyAgain] = counts.map(({ statements }) => statements)
  expect([many, manyAgain]).toEqual([few, fewAgain])
  expect(Math.max(...counts.map(({ statements }) => statements))).toBeLessThanOrEqual(12)
})

test('unenrollAll takes as many for 40 enrollments as for 2', async () => {
  const counts = []
  for (const size of [2, 40]) {
    const [learner] = await addLearners(db, 1)
    const { enrollment } = callerOf(db)
    const username = learner?.username ?? ''
    for (let n = 0; n < size; n += 1) await enrollment.enroll({ username, courseId: await addCourse(db) })
    const counted = counting(db)
    await callerOf(counted.db).enrollment.unenrollAll({ username })
    counts.push(counted.statements())
  }
  expect(counts[1]).toBe(counts[0])
})

test('the count does see statements: one by one they grow', async () => {
  const grown = []
  for (const size of [2, 20]) {
    const counted = counting(db)
    for (const item of await fresh(size, {})) await callerOf(counted.db).enrollment.enroll(item)
    grown.push(counted.statements())
  }
  expect(grown[1]).toBeGreaterThan(5 * (grown[0] ?? 0))
})

/** Items of one course run: all with attributes, two with an allowance. */
async function fresh(size: number, columns: Parameters<typeof addCourse>[1]) {
  const courseId = await addCourse(db, columns)
  const learners = await addLearners(db, size)
  for (const { email } of learners.slice(0, 2)) await addAllowance(db, email, courseId)
  const attributes = [{ namespace: 'a', name: 'b', value: 'c' }]
  return learners.map(({ username }) => ({ username, courseId, attributes }))
}
