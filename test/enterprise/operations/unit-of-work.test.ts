import type { Kysely } from 'kysely'
import { afterAll, describe, expect, test } from 'vitest'
import { openDatabase } from '../../../core/database/open.ts'
import type { EnterpriseDB, EnterpriseTables } from '../../../enterprise/database/schema.ts'
import { enrollLearners } from '../../../enterprise/enroll-learners.ts'
import { cancelFulfilment } from '../../../enterprise/operations/cancel-fulfilment.ts'
import { expireLicenses } from '../../../enterprise/operations/expire-licenses.ts'
import { revokeLicenses } from '../../../enterprise/operations/revoke-licenses.ts'
import { createCaller, enrollmentErrorFrom } from '../../../routers/index.ts'
import { counting } from '../../support/counting.ts'
import { after, failingAfter } from '../../support/failing.ts'
import { addCourse, addLearners } from '../../support/seed.ts'
import { untilWaiting } from '../../support/waiting.ts'
import { contextOf, FUTURE, NOW } from '../calls.ts'
import { addCustomer, createEnterpriseDatabase } from '../seed.ts'
import { everythingIn } from '../state.ts'
import { pay, revocationsOf, type Paid } from './paid-world.ts'

const SECONDS = 2

const database = await createEnterpriseDatabase()
const { db, connectionString } = database
// Other processes of the same deployment.
const others = [1, 2, 3].map(() => openDatabase({ connectionString, poolSize: 4 }).$extendTables<EnterpriseTables>())
afterAll(async () => {
  for (const other of others) await other.destroy()
  await database[Symbol.asyncDispose]()
})
const customer = await addCustomer(db)

/** Each operation on something that both a license and a transaction pay for. */
const operations: [string, (on: Kysely<EnterpriseDB>, paid: Paid) => Promise<unknown>][] = [
  ['a cancellation', (on, { fulfilmentId }) => cancelFulfilment(contextOf(on), { fulfilmentId })],
  [
    'a revocation',
    (on, { learner }) =>
      revokeLicenses(contextOf(on), { customer: customer.uuid, learner: { userId: String(learner.id) } }),
  ],
  [
    'an expiry',
    (on, { fundingId }) =>
      expireLicenses(contextOf(on), { licenses: [fundingId], ignoreEnrollmentsModifiedAfter: FUTURE }),
  ],
]

describe.each(operations)('%s', (_, operate) => {
  test('that fails after any of its statements leaves nothing, and succeeds afterwards', async () => {
    const counted = counting(db)
    await operate(counted.db.$extendTables<EnterpriseTables>(), await paidTwice())
    const total = counted.statements()
    expect(total).toBeGreaterThan(6)
    const paid = await paidTwice()
    const untouched = await everythingIn(db)
    for (let n = 1; n <= total; n += 1) {
      const failing = failingAfter(db, n)
      await expect(operate(failing.db, paid), `statement ${n}`).rejects.toThrow(
        /^(failed on purpose|Internal server error)$/,
      )
      expect(failing.statements(), 'it came so far').toBeGreaterThanOrEqual(n)
      expect(await everythingIn(db), `statement ${n}`).toEqual(untouched)
    }
    await operate(db, paid)
    expect(await revocationsOf(db, [paid.fulfilmentId])).toHaveLength(1)
  })

  test('belongs to the transaction that it is given, which stays usable after a failure', async () => {
    const paid = await paidTwice()
    const untouched = await everythingIn(db)
    const undone = db.transaction().execute(async (trx) => {
      await operate(trx, paid)
      expect(await revocationsOf(trx, [paid.fulfilmentId])).toHaveLength(1)
      throw new Error('changed my mind')
    })
    await expect(undone).rejects.toThrow('changed my mind')
    expect(await everythingIn(db)).toEqual(untouched)
    await db.transaction().execute(async (trx) => {
      await expect(operate(failingAfter(trx, 8).db, paid)).rejects.toThrow(/failed on purpose|Internal server error/)
      expect(await revocationsOf(trx, [paid.fulfilmentId])).toHaveLength(0)
      await operate(trx, paid)
    })
    expect(await revocationsOf(db, [paid.fulfilmentId])).toHaveLength(1)
  })

  test('that comes while another is under way waits for it, and finds it done', async () => {
    const paid = await paidTwice()
    const trx = await db.startTransaction().execute()
    await operate(trx, paid)
    const second = operate(db, paid)
    await untilWaiting(db)
    await trx.commit().execute()
    expect(JSON.stringify(await second)).toContain('alreadyRevoked')
    expect(await revocationsOf(db, [paid.fulfilmentId])).toHaveLength(1)
  })

  test('that comes from eight sides at once happens once', async () => {
    const paid = await paidTwice()
    await Promise.all([...others, ...others, db, db].map((on) => operate(on, paid)))
    expect(await revocationsOf(db, [paid.fulfilmentId])).toHaveLength(1)
    const events = await db
      .selectFrom('enrollment_events as v')
      .innerJoin('enterprise_enrollment_records as r', 'r.enrollment_id', 'v.enrollment_id')
      .select(['v.version', 'r.enrollment_version'])
      .where('r.course_key', '=', paid.courseId)
      .orderBy('v.version')
      .execute()
    expect(events).toEqual([1, 2].map((version) => ({ version, enrollment_version: 2 })))
  })
})

describe('the number of statements', () => {
  test.each([
    ['the expiry of 400 licenses', expiryOf],
    ['the revocation of 400 licenses of one learner', revocationOf],
  ])('of %s is that of 10', async (_, operate) => {
    const counts = [await operate(10), await operate(400)]
    expect(counts[1]).toBe(counts[0])
    expect(counts[0]).toBeLessThanOrEqual(16)
  })

  test('is seen: licenses one by one take more', async () => {
    const licenses = await licensed(10)
    const counted = counting(db)
    for (const license of licenses)
      await expireLicenses(contextOf(counted.db.$extendTables<EnterpriseTables>()), { licenses: [license] })
    expect(counted.statements()).toBeGreaterThan(5 * (await expiryOf(10)))
  })

  test('grows by whole chunks, and all of them are done', async () => {
    const licenses = await licensed(1100)
    const answer = await expireLicenses(contextOf(db, { requestId: 'in chunks' }), { licenses })
    expect(answer.counts).toEqual({ movedToAudit: 367, unenrolled: 733 })
    expect(await transactionsOf('in chunks')).toHaveLength(3)
    const again = await db.transaction().execute((trx) => expireLicenses(contextOf(trx), { licenses }))
    expect(again.counts).toEqual({ alreadyRevoked: 1100 })
  })
})

test('in a caller’s transaction there are chunks of statements and no other transaction', async () => {
  const licenses = await licensed(600)
  await db.transaction().execute((trx) => expireLicenses(contextOf(trx, { requestId: 'joined' }), { licenses }))
  expect(await transactionsOf('joined')).toHaveLength(1)
})

test('an enrollment that changes after it was looked at is not ended as if it had not', async () => {
  const paid = await pay(db, customer, 'license')
  const pair = { userId: String(paid.learner.id), courseId: paid.courseId }
  const caller = createCaller(contextOf(db, { now: () => new Date(FUTURE) }))
  // The eighth statement reads the enrollment.
  const meddling = after(db, 8, () => caller.enrollment.change({ ...pair, mode: 'audit' }))
  const request = { licenses: [paid.fundingId], ignoreEnrollmentsModifiedAfter: FUTURE }
  const { ok, results } = await expireLicenses(contextOf(meddling.db), request)
  expect(ok).toBe(false)
  expect(results).toMatchObject([{ did: 'refused', code: 'versionConflict', retryable: true }])
  expect((await expireLicenses(contextOf(db), request)).counts).toEqual({ changedSince: 1 })
})

test('operations in opposite orders all get through', async () => {
  const learners = await addLearners(db, 12)
  const courses = [await addCourse(db), await addCourse(db, { modes: ['verified'] })]
  const paid: Paid[] = []
  for (const learner of learners) {
    for (const courseId of courses) paid.push(await pay(db, customer, 'license', { learner, courseId }))
  }
  const end = Date.now() + SECONDS * 1_000
  const runs = others.flatMap((on) => [run(on, paid, end), run(on, paid.toReversed(), end)])
  expect((await Promise.all(runs)).flat()).toEqual([])
  const revocations = await revocationsOf(
    db,
    paid.map(({ fulfilmentId }) => fulfilmentId),
  )
  expect(revocations.length, 'much has happened').toBeGreaterThan(5 * paid.length)
  const behind = await db
    .selectFrom('enterprise_enrollment_records as r')
    .innerJoin('enrollments as e', 'e.id', 'r.enrollment_id')
    .select(['r.id', 'r.enrollment_version', 'e.version'])
    .where('r.course_key', 'in', courses)
    .whereRef('r.enrollment_version', '<>', 'e.version')
    .execute()
  expect(behind).toEqual([])
})

/** Expires licenses, cancels and enrolls again until the end; what went wrong. */
async function run(on: Kysely<EnterpriseDB>, paid: readonly Paid[], end: number): Promise<string[]> {
  const wrong: string[] = []
  while (Date.now() < end) {
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

async function transactionsOf(requestId: string) {
  return db
    .selectFrom('enterprise_revocations')
    .select('transaction_id')
    .distinct()
    .where('request_id', '=', requestId)
    .execute()
}

async function paidTwice(): Promise<Paid> {
  const paid = await pay(db, customer, 'license')
  await pay(db, customer, 'transaction', { learner: paid.learner, courseId: paid.courseId })
  return paid
}

async function expiryOf(size: number): Promise<number> {
  const counted = counting(db)
  const licenses = await licensed(size)
  const request = { licenses, ignoreEnrollmentsModifiedAfter: FUTURE }
  await expireLicenses(contextOf(counted.db.$extendTables<EnterpriseTables>()), request)
  return counted.statements()
}

async function revocationOf(size: number): Promise<number> {
  const [learner] = await addLearners(db, 1)
  const userId = String(learner?.id)
  const courses = await Promise.all(Array.from({ length: size }, () => addCourse(db)))
  const rows = courses.map((courseId) => ({ userId, courseId, funding: { license: crypto.randomUUID() } }))
  await enrollLearners(contextOf(db), { customer: customer.uuid, rows })
  const counted = counting(db)
  const request = { customer: customer.uuid, learner: { userId } }
  await revokeLicenses(contextOf(counted.db.$extendTables<EnterpriseTables>()), request)
  return counted.statements()
}

/** As many licenses that pay for an enrollment each; in two of three course runs there is no audit mode. */
async function licensed(size: number): Promise<string[]> {
  const courses = [await addCourse(db), await addCourse(db, { modes: ['verified'] })]
  courses.push(await addCourse(db, { modes: ['professional'], max_enrollments: size }))
  const learners = await addLearners(db, size)
  const licenses = learners.map(() => crypto.randomUUID())
  const rows = learners.map(({ id }, index) => ({
    userId: String(id),
    courseId: courses[index % 3] ?? '',
    funding: { license: licenses[index] ?? '' },
  }))
  const { counts } = await enrollLearners(contextOf(db, { now: () => NOW }), { customer: customer.uuid, rows })
  expect(counts).toEqual({ created: size })
  return licenses
}
