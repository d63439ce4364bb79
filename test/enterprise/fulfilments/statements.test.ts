import { afterAll, describe, expect, test } from 'vitest'
import type { EnterpriseTables } from '../../../enterprise/database/schema.ts'
import { enrollLearners } from '../../../enterprise/enroll-learners.ts'
import { expireLicenses } from '../../../enterprise/fulfilments/expire-licenses.ts'
import { revokeLicenses } from '../../../enterprise/fulfilments/revoke-licenses.ts'
import { counting } from '../../support/counting.ts'
import { addCourse, addLearners } from '../../support/seed.ts'
import { contextOf, FUTURE, NOW } from '../calls.ts'
import { addCustomer, createEnterpriseDatabase } from '../seed.ts'

const database = await createEnterpriseDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const customer = await addCustomer(db)

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

async function transactionsOf(requestId: string) {
  return db
    .selectFrom('enterprise_revocations')
    .select('transaction_id')
    .distinct()
    .where('request_id', '=', requestId)
    .execute()
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
