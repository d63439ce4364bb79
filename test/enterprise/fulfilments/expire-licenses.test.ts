import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { openDatabase } from '../../../core/database/open.ts'
import { expireLicenses } from '../../../enterprise/fulfilments/expire-licenses.ts'
import { createCaller } from '../../../routers/index.ts'
import { eventually } from '../../support/eventually.ts'
import { observed } from '../../support/observed.ts'
import { addCourse, addLearners } from '../../support/seed.ts'
import { trap } from '../../support/trap.ts'
import { enrollmentInWords } from '../../support/world.ts'
import { contextOf, enroll, FUTURE, NOW } from '../calls.ts'
import { addCustomer, createEnterpriseDatabase, type SeededCustomer } from '../seed.ts'
import { recordOf } from '../state.ts'
import { inWords, pay, type Paid } from './funded-world.ts'

const database = await createEnterpriseDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const context = contextOf(db)
const { enrollment } = createCaller(context)

let customer: SeededCustomer
beforeEach(async () => {
  customer = await addCustomer(db)
})

describe('licenses that expire', () => {
  test('are of any customer, unless one is named', async () => {
    const other = await addCustomer(db)
    const [mine, theirs] = [await pay(db, customer, 'license'), await pay(db, other, 'license')]
    const licenses = [mine.fundingId, theirs.fundingId]
    const named = await expireLicenses(context, { licenses, customer: customer.uuid })
    expect(named.counts).toEqual({ movedToAudit: 1 })
    const all = await expireLicenses(context, { licenses })
    expect(all.counts).toEqual({ alreadyRevoked: 1, movedToAudit: 1 })
  })

  test('end every enrollment that they pay for; one that pays for nothing has no result', async () => {
    const fundingId = randomUUID()
    const paid = [await pay(db, customer, 'license', { fundingId }), await pay(db, customer, 'license', { fundingId })]
    const licenses = [fundingId.toUpperCase(), fundingId, randomUUID()]
    const { results } = await expireLicenses(context, { licenses })
    expect(results.map(({ courseId }) => courseId)).toEqual(paid.map(({ courseId }) => courseId))
  })

  test('leave an enrollment in a course run of the LMS, with its license, and say so', async () => {
    const paid = await pay(db, customer, 'license')
    await db.updateTable('courses').set({ owner: 'lms' }).where('course_key', '=', paid.courseId).execute()
    const { ok, results } = await expireLicenses(context, { licenses: [paid.fundingId] })
    expect([ok, results]).toMatchObject([false, [{ did: 'refused', code: 'ownedByLms', retryable: false }]])
    expect(await inShort(paid)).toEqual(['active verified', 'enrolled at version 1', 'license'])
  })

  test('leave an enrollment that was changed at the cut-off or after it', async () => {
    const paid = await pay(db, customer, 'license')
    const licenses = [paid.fundingId]
    const expire = (milliseconds: number) => {
      const instant = new Date(NOW.getTime() + milliseconds).toISOString()
      return expireLicenses(context, { licenses, ignoreEnrollmentsModifiedAfter: instant })
    }
    for (const milliseconds of [-1, 0]) {
      const { ok, results } = await expire(milliseconds)
      expect([ok, results[0]?.did]).toEqual([true, 'changedSince'])
    }
    expect(await inShort(paid)).toEqual(['active verified', 'enrolled at version 1', 'license'])
    expect((await expire(1)).counts).toEqual({ movedToAudit: 1 })
  })

  test('look at changes that came through another API', async () => {
    const paid = await pay(db, customer, 'license')
    const later = createCaller({ ...context, now: () => new Date(FUTURE) })
    await later.enrollment.change({ userId: String(paid.learner.id), courseId: paid.courseId, mode: 'audit' })
    await later.enrollment.change({ userId: String(paid.learner.id), courseId: paid.courseId, mode: 'verified' })
    const request = { licenses: [paid.fundingId], ignoreEnrollmentsModifiedAfter: FUTURE }
    expect((await expireLicenses(context, request)).counts).toEqual({ changedSince: 1 })
  })

  test('of two customers end one enrollment once', async () => {
    const other = await addCustomer(db)
    const mine = await pay(db, customer, 'license')
    const theirs = await pay(db, other, 'license', samePair(mine))
    const licenses = [theirs.fundingId, mine.fundingId]
    const { results } = await expireLicenses(context, { licenses, ignoreEnrollmentsModifiedAfter: FUTURE })
    expect(results.map(({ did }) => did)).toEqual(['movedToAudit', 'movedToAudit'])
    const pair = { userId: String(mine.learner.id), courseId: mine.courseId }
    expect(await enrollment.get(pair)).toMatchObject({ mode: 'audit', version: 2 })
    for (const one of [customer, other]) {
      expect(await recordOf(db, one, mine.learner.id, mine.courseId)).toMatchObject({
        enrollment_version: 2,
        unenrolled: true,
      })
    }
  })

  test('are left for a repeat once nobody waits, chunk by chunk', async () => {
    const fundingId = randomUUID()
    const courseId = await addCourse(db)
    const learners = await addLearners(db, 501)
    const rows = learners.map(({ id }) => ({ userId: String(id), courseId, funding: { license: fundingId } }))
    await enroll(db, customer, rows)
    const end = new AbortController()
    const leaving = observed(db, (text) => {
      if (text.includes('enterprise.revokeFulfilments')) end.abort(new Error('nobody waits'))
    })
    const request = { licenses: [fundingId] }
    const given = expireLicenses(contextOf(leaving), request, { signal: end.signal })
    await expect(given).rejects.toThrow('nobody waits')
    const count = async () =>
      (await expireLicenses(context, { ...request, ignoreEnrollmentsModifiedAfter: '2000-01-01T00:00:00Z' })).counts
    // The chunk that had begun is kept, the next one never begins.
    await eventually(async () => expect(await count()).toEqual({ alreadyRevoked: 500, changedSince: 1 }))
    expect((await expireLicenses(context, request)).counts).toEqual({ alreadyRevoked: 500, movedToAudit: 1 })
  })

  test('of a chunk that takes longer than a call are not ended', async () => {
    const paid = await pay(db, customer, 'license')
    await using hasty = openDatabase({ connectionString: database.connectionString, requestDeadlineMs: 300 })
    await using _ = await trap(db, 'enterprise_revocations', 'perform pg_sleep(1)')
    const late = expireLicenses({ ...context, db: hasty }, { licenses: [paid.fundingId] })
    await expect(late).rejects.toMatchObject({ code: 'unavailable' })
    await delay(1_500)
    expect(await inShort(paid)).toEqual(['active verified', 'enrolled at version 1', 'license'])
  })

  test.each([
    ['no licenses', { licenses: [] }],
    ['what is no UUID', { licenses: [randomUUID(), 'L1'] }],
    ['a bad instant', { licenses: [randomUUID()], ignoreEnrollmentsModifiedAfter: 'yesterday' }],
    [
      'an instant without an offset',
      { licenses: [randomUUID()], ignoreEnrollmentsModifiedAfter: '2026-01-01T00:00:00' },
    ],
  ])('are refused with %s', async (_, request) => {
    await expect(expireLicenses(context, request)).rejects.toMatchObject({ code: 'invalidRequest' })
  })
})

/** The same learner and course run. */
function samePair({ learner, courseId }: Paid) {
  return { learner, courseId }
}

async function inShort({ learner, courseId }: Paid): Promise<(string | null)[]> {
  const record = await recordOf(db, customer, learner.id, courseId)
  const state = `${record?.unenrolled ? 'unenrolled' : 'enrolled'} at version ${record?.enrollment_version}`
  return [await enrollmentInWords(db, learner.id, courseId), state, ...inWords(record)]
}
