// slow: many calls against each other
import { afterAll, expect, test } from 'vitest'
import { openDatabase, type Database } from '../../../core/database/open.ts'
import { createCaller, enrollmentErrorFrom } from '../../../routers/index.ts'
import { createTestDatabase } from '../../support/database.ts'
import { addAllowance, addCourse, addLearners } from '../../support/seed.ts'

const actor = { kind: 'service', name: 'tests' } as const
/** Batches of each: a number, not a time, so that as much happens on a slow machine. */
const BATCHES = 15

const database = await createTestDatabase()
const { db, connectionString } = database
// Other processes of the same deployment. With the patience that a slow machine takes: who gets through may wait for all others.
const patience = { lockTimeoutMs: 60_000, requestDeadlineMs: 0 }
const others = [1, 2, 3].map(() => openDatabase({ connectionString, poolSize: 4, ...patience }))
afterAll(async () => {
  for (const other of others) await other.destroy()
  await database[Symbol.asyncDispose]()
})

test.each([
  ['open', {}],
  ['capped', { max_enrollments: 30 }],
] as const)('batches that overlap in opposite orders all get through: %s course runs', async (_, columns) => {
  const courses = await Promise.all([1, 2, 3].map(() => addCourse(db, columns)))
  const learners = await addLearners(db, 40)
  for (const { email } of learners.slice(0, 10)) await addAllowance(db, email, courses[0] ?? '')
  const items = courses.flatMap((courseId) => learners.map(({ username }) => ({ username, courseId })))
  const runs = others.flatMap((other) => [run(other, items, 'forwards'), run(other, items, 'backwards')])
  const codes = (await Promise.all(runs)).map((run) => run.filter((code) => !EXPECTED.test(code)))
  expect(codes).toEqual(runs.map(() => []))
})

const EXPECTED = /^(bestEffort|strict) (created|reactivated|modeChanged|deactivated|unchanged|courseFull|notAttempted)$/

interface Item {
  username: string
  courseId: string
}

/** Batches of random halves of the items; what all results were. */
async function run(on: Database, items: readonly Item[], order: 'forwards' | 'backwards') {
  const { enrollment } = createCaller({ db: on, actor })
  const codes: string[] = []
  for (let n = 0; n < BATCHES; n += 1) {
    const half = items.filter(() => Math.random() < 0.5).map((item) => ({ ...item, ...anyOf(WISHES) }))
    const batch = order === 'forwards' ? half : half.toReversed()
    const failureMode = n % 5 === 4 ? 'strict' : 'bestEffort'
    const answer = await enrollment.enrollMany({ items: batch, failureMode }).then(
      ({ results }) => results.map((result) => (result.ok ? result.outcome.kind : result.error.code)),
      (error: unknown) => [enrollmentErrorFrom(error)?.code ?? String(error)],
    )
    codes.push(...answer.map((code) => `${failureMode} ${code}`))
  }
  return codes
}

const attributes = [{ namespace: 'a', name: 'b', value: 'c' }]
const WISHES = [
  {},
  { whenEnrolled: 'update', isActive: false },
  { whenEnrolled: 'update', mode: 'verified', attributes },
  { whenEnrolled: 'update', mode: 'audit' },
  // On an inactive enrollment it writes attributes and nothing else.
  { isActive: false, attributes },
] as const

function anyOf<T>(all: readonly T[]): T | undefined {
  return all[Math.floor(Math.random() * all.length)]
}
