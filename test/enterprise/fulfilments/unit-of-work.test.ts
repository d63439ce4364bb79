import type { Kysely } from 'kysely'
import { afterAll, describe, expect, test } from 'vitest'
import { openDatabase } from '../../../core/database/open.ts'
import type { EnterpriseDB, EnterpriseTables } from '../../../enterprise/database/schema.ts'
import { cancelFulfilment } from '../../../enterprise/fulfilments/cancel-fulfilment.ts'
import { expireLicenses } from '../../../enterprise/fulfilments/expire-licenses.ts'
import { revokeLicenses } from '../../../enterprise/fulfilments/revoke-licenses.ts'
import { createCaller } from '../../../routers/index.ts'
import { counting } from '../../support/counting.ts'
import { after, failingAfter } from '../../support/failing.ts'
import { untilWaiting } from '../../support/waiting.ts'
import { contextOf, FUTURE } from '../calls.ts'
import { addCustomer, createEnterpriseDatabase } from '../seed.ts'
import { everythingIn } from '../state.ts'
import { pay, revocationsOf, type Paid } from './funded-world.ts'

const database = await createEnterpriseDatabase()
const { db, connectionString } = database
// Other processes of the same deployment.
const others = [1, 2, 3].map(() => openDatabase({ connectionString, poolSize: 4 }).$extendTables<EnterpriseTables>())
afterAll(async () => {
  for (const other of others) await other.destroy()
  await database[Symbol.asyncDispose]()
})
const customer = await addCustomer(db)

/** Each operation on something that a license pays for, and that a transaction paid for before. */
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
    await operate(counted.db.$extendTables<EnterpriseTables>(), await paidAgain())
    const total = counted.statements()
    expect(total).toBeGreaterThan(6)
    const paid = await paidAgain()
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
    const paid = await paidAgain()
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
    const paid = await paidAgain()
    const trx = await db.startTransaction().execute()
    await operate(trx, paid)
    const second = operate(db, paid)
    await untilWaiting(db)
    await trx.commit().execute()
    expect(JSON.stringify(await second)).toContain('alreadyRevoked')
    expect(await revocationsOf(db, [paid.fulfilmentId])).toHaveLength(1)
  })

  test('that comes from eight sides at once happens once', async () => {
    const paid = await paidAgain()
    await Promise.all([...others, ...others, db, db].map((on) => operate(on, paid)))
    expect(await revocationsOf(db, [paid.fulfilmentId])).toHaveLength(1)
    const events = await db
      .selectFrom('enrollment_events as v')
      .innerJoin('enterprise_enrollment_records as r', 'r.enrollment_id', 'v.enrollment_id')
      .select(['v.version', 'r.enrollment_version'])
      .where('r.course_key', '=', paid.courseId)
      .orderBy('v.version')
      .execute()
    expect(events).toEqual([1, 2, 3, 4].map((version) => ({ version, enrollment_version: 4 })))
  })
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

async function paidAgain(): Promise<Paid> {
  const before = await pay(db, customer, 'transaction')
  await cancelFulfilment(contextOf(db), { fulfilmentId: before.fulfilmentId })
  return pay(db, customer, 'license', { learner: before.learner, courseId: before.courseId })
}
