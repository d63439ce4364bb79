// slow: many calls against each other
import type { Kysely } from 'kysely'
import { afterAll, expect, test } from 'vitest'
import { openDatabase } from '../../../core/database/open.ts'
import type { EnterpriseDB, EnterpriseTables } from '../../../enterprise/database/schema.ts'
import { enrollLearners } from '../../../enterprise/enroll-learners.ts'
import { cancelFulfilment } from '../../../enterprise/fulfilments/cancel-fulfilment.ts'
import { expireLicenses } from '../../../enterprise/fulfilments/expire-licenses.ts'
import { enrollmentErrorFrom } from '../../../routers/index.ts'
import { addCourse, addLearners } from '../../support/seed.ts'
import { contextOf } from '../calls.ts'
import { addCustomer, createEnterpriseDatabase } from '../seed.ts'
import { pay, revocationsOf, type Paid } from './funded-world.ts'

/** What each of them does: a number, not a time, so that as much happens on a slow machine. */
const ROUNDS = 10

const database = await createEnterpriseDatabase()
const { db, connectionString } = database
// Calls wait for each other for as long as it takes: on a machine that does much else that is more than some seconds.
const patience = { lockTimeoutMs: 300_000, statementTimeoutMs: 300_000, requestDeadlineMs: 300_000 }
// Other processes of the same deployment.
const others = [1, 2, 3].map(() =>
  openDatabase({ connectionString, poolSize: 4, ...patience }).$extendTables<EnterpriseTables>(),
)
afterAll(async () => {
  for (const other of others) await other.destroy()
  await database[Symbol.asyncDispose]()
})
const customer = await addCustomer(db)

test('operations in opposite orders all get through', async () => {
  const learners = await addLearners(db, 12)
  const courses = [await addCourse(db), await addCourse(db, { modes: ['verified'] })]
  const paid: Paid[] = []
  for (const learner of learners) {
    for (const courseId of courses) paid.push(await pay(db, customer, 'license', { learner, courseId }))
  }
  const runs = others.flatMap((on) => [run(on, paid), run(on, paid.toReversed())])
  expect((await Promise.all(runs)).flat()).toEqual([])
  const revocations = await revocationsOf(
    db,
    paid.map(({ fulfilmentId }) => fulfilmentId),
  )
  expect(revocations.length, 'much has happened').toBeGreaterThan(paid.length)
  const behind = await db
    .selectFrom('enterprise_enrollment_records as r')
    .innerJoin('enrollments as e', 'e.id', 'r.enrollment_id')
    .select(['r.id', 'r.enrollment_version', 'e.version'])
    .where('r.course_key', 'in', courses)
    .whereRef('r.enrollment_version', '<>', 'e.version')
    .execute()
  expect(behind).toEqual([])
}, 600_000)

/** Expires licenses, cancels and enrolls again, some at a time; what went wrong. */
async function run(on: Kysely<EnterpriseDB>, paid: readonly Paid[]): Promise<string[]> {
  const wrong: string[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    const some = paid.filter(() => Math.random() < 0.5)
    const rows = some.map(({ learner, courseId, fundingId }) => ({
      userId: String(learner.id),
      courseId,
      funding: { license: fundingId },
      reviveRevoked: true,
    }))
    const [first] = some
    if (first === undefined) continue
    const steps = [
      () => expireLicenses(contextOf(on), { licenses: some.map(({ fundingId }) => fundingId) }),
      () => enrollLearners(contextOf(on), { customer: customer.uuid, rows }),
      () => cancelFulfilment(contextOf(on), { fulfilmentId: first.fulfilmentId }),
    ]
    for (const step of steps.toSorted(() => Math.random() - 0.5)) wrong.push(...(await problemsOf(step())))
  }
  return wrong
}

type Answer = Awaited<ReturnType<typeof expireLicenses | typeof enrollLearners | typeof cancelFulfilment>>

/** The codes of what an operation did not do. */
async function problemsOf(operation: Promise<Answer>): Promise<string[]> {
  try {
    const answer = await operation
    if ('results' in answer) return answer.results.flatMap(({ success, code }) => (success ? [] : String(code)))
    if ('rows' in answer) return answer.rows.flatMap((row) => (row.ok ? [] : row.code))
    return answer.outcome === 'refused' ? [answer.code] : []
  } catch (error) {
    return [enrollmentErrorFrom(error)?.code ?? String(error)]
  }
}
