import { randomUUID } from 'node:crypto'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { expireLicenses } from '../../../enterprise/operations/expire-licenses.ts'
import type { LicenseResult } from '../../../enterprise/operations/license-result.ts'
import { revokeLicenses } from '../../../enterprise/operations/revoke-licenses.ts'
import { createCaller } from '../../../routers/index.ts'
import { addCourse, addLearner } from '../../support/seed.ts'
import { enrollmentInWords } from '../../support/world.ts'
import { contextOf, done, FUTURE, NOW, PAST, refused } from '../calls.ts'
import { addCustomer, createEnterpriseDatabase, type SeededCustomer } from '../seed.ts'
import { everythingIn, recordOf } from '../state.ts'
import { inWords, pay, revocationsOf, type Paid } from './paid-world.ts'

const database = await createEnterpriseDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const context = contextOf(db)
const { enrollment } = createCaller(context)

let customer: SeededCustomer
beforeEach(async () => {
  customer = await addCustomer(db)
})

/** Both operations, as they end all licenses of one learner. */
const operations: [string, (paid: Paid[]) => Promise<{ ok: boolean; results: LicenseResult[] }>][] = [
  [
    'revoked',
    async ([paid]) => {
      const learner = { userId: String(paid?.learner.id) }
      const { ok, courses } = await revokeLicenses(context, { customer: customer.uuid, learner })
      return { ok, results: courses }
    },
  ],
  [
    'expired',
    async (all) => {
      const { ok, results } = await expireLicenses(context, { licenses: all.map(({ fundingId }) => fundingId) })
      return { ok, results }
    },
  ],
]

describe.each(operations)('a license that is %s', (_, end) => {
  test('leaves the audit mode where that is offered', async () => {
    const paid = await pay(db, customer, 'license')
    const { ok, results } = await end([paid])
    expect(ok).toBe(true)
    expect(results).toMatchObject([
      {
        license: paid.fundingId,
        fulfilmentId: paid.fulfilmentId,
        userId: String(paid.learner.id),
        courseId: paid.courseId,
        success: true,
        did: 'movedToAudit',
        message: 'moved to audit',
      },
    ])
    expect(await inShort(paid)).toEqual(['active audit', 'unenrolled at version 2', 'revoked license'])
  })

  test('unenrolls where it is not, or no longer, in the mode that the learner has', async () => {
    const learner = await addLearner(db)
    const never = await addCourse(db, { modes: ['verified', 'honor'] })
    const noLonger = await addCourse(db, { modes: ['professional', ['audit', PAST]] })
    const paid = [
      await pay(db, customer, 'license', { learner, courseId: never }),
      await pay(db, customer, 'license', { learner, courseId: noLonger }),
    ]
    expect((await end(paid)).results.map(({ message }) => message)).toEqual(['unenrolled', 'unenrolled'])
    expect(await Promise.all(paid.map(inShort))).toEqual([
      ['inactive verified', 'unenrolled at version 2', 'revoked license'],
      ['inactive professional', 'unenrolled at version 2', 'revoked license'],
    ])
  })

  test('leaves a course run that is completed, with the license', async () => {
    const paid = await pay(db, customer, 'license')
    await ends(paid, PAST)
    const untouched = await everythingIn(db)
    expect(await end([paid])).toMatchObject({ ok: true, results: [{ success: true, did: 'completed', eventId: null }] })
    expect((await end([paid])).results[0]?.message).toBe('course already completed')
    expect(await everythingIn(db)).toEqual(untouched)
  })

  test('ends in a course run that is over but saved for later, and in one that ends today', async () => {
    const [saved, today] = [await pay(db, customer, 'license'), await pay(db, customer, 'license')]
    await ends(saved, PAST)
    await ends(today, NOW.toISOString())
    await db
      .updateTable('enterprise_enrollment_records')
      .set({ saved_for_later: true })
      .where('course_key', '=', saved.courseId)
      .execute()
    for (const paid of [saved, today]) expect((await end([paid])).results[0]?.did).toBe('movedToAudit')
  })

  test('leaves what a transaction pays for, and that fulfilment where the enrollment stays active', async () => {
    const paid = await pay(db, customer, 'license')
    await pay(db, customer, 'transaction', samePair(paid))
    const other = await pay(db, customer, 'transaction', { learner: paid.learner })
    await end([paid])
    expect(inWords(await recordOf(db, customer, paid.learner.id, paid.courseId))).toEqual([
      'revoked license',
      'transaction',
    ])
    expect(await inShort(other)).toEqual(['active verified', 'enrolled at version 1', 'transaction'])
  })

  test('takes a transaction with it where the enrollment ends', async () => {
    const courseId = await addCourse(db, { modes: ['verified'] })
    const paid = await pay(db, customer, 'license', { courseId })
    const other = await pay(db, customer, 'transaction', samePair(paid))
    await end([paid])
    expect(await inShort(paid)).toEqual([
      'inactive verified',
      'unenrolled at version 2',
      'revoked license',
      'revoked transaction',
    ])
    expect(await revocationsOf(db, [paid.fulfilmentId, other.fulfilmentId])).toHaveLength(2)
  })

  test('does nothing the second time', async () => {
    const paid = await pay(db, customer, 'license')
    await end([paid])
    const untouched = await everythingIn(db)
    expect(await end([paid])).toMatchObject({ ok: true, results: [{ did: 'alreadyRevoked', eventId: null }] })
    expect(await everythingIn(db)).toEqual(untouched)
  })

  test('leaves the mode of somebody who is back for other money', async () => {
    const paid = await pay(db, customer, 'license')
    await end([paid])
    const { learner, courseId, fundingId } = paid
    const row = { userId: String(learner.id), courseId }
    expect(await refused(db, customer, { ...row, funding: { license: fundingId } })).toMatchObject({
      code: 'fulfilmentRevoked',
    })
    const back = await done(db, customer, { ...row, funding: { transaction: randomUUID() } })
    expect(back).toMatchObject({ kind: 'modeChanged', fulfilment: 'created' })
    await end([paid])
    expect(await inShort(paid)).toEqual(['active verified', 'enrolled at version 3', 'revoked license', 'transaction'])
  })

  test('leaves out a course run that is no longer there', async () => {
    const gone = await pay(db, customer, 'license')
    const paid = await pay(db, customer, 'license', { learner: gone.learner })
    const key = `course-v1:Gone+${randomUUID()}+1`
    await db.updateTable('courses').set({ course_key: key }).where('course_key', '=', gone.courseId).execute()
    const { ok, results } = await end([gone, paid])
    expect(ok).toBe(true)
    expect(results.map(({ courseId }) => courseId)).toEqual([paid.courseId])
  })

  test('that fails in one course run is as it was there, and ends in the others', async () => {
    const bad = await pay(db, customer, 'license')
    const good = await pay(db, customer, 'license', { learner: bad.learner })
    // What the tenant believes to be an enrollment of the learner is another's.
    const stranger = await addLearner(db)
    await db
      .updateTable('enrollments')
      .set({ learner_id: stranger.id })
      .where('id', '=', (await recordRow(bad)).enrollment_id)
      .execute()
    const { ok, results } = await end([bad, good])
    expect(ok).toBe(false)
    expect(results).toMatchObject([
      { success: false, did: 'refused', code: 'notEnrolled', retryable: false },
      { success: true, did: 'movedToAudit' },
    ])
    expect(inWords(await recordOf(db, customer, bad.learner.id, bad.courseId))).toEqual(['license'])
  })
})

describe('licenses of a learner', () => {
  test('are those that the customer gave', async () => {
    const paid = await pay(db, customer, 'license')
    const other = await addCustomer(db)
    const theirs = await pay(db, other, 'license', { learner: paid.learner })
    const learner = { userId: String(paid.learner.id) }
    const { courses } = await revokeLicenses(context, { customer: customer.uuid, learner })
    expect(courses.map(({ license }) => license)).toEqual([paid.fundingId])
    expect(await enrollmentInWords(db, theirs.learner.id, theirs.courseId)).toBe('active verified')
  })

  test.each(['username', 'email'] as const)('are found by %s', async (name) => {
    const learner = await addLearner(db)
    await pay(db, customer, 'license', { learner })
    const named = name === 'email' ? { email: ` ${learner.email.toUpperCase()}` } : { username: learner.username }
    expect((await revokeLicenses(context, { customer: customer.uuid, learner: named })).courses).toHaveLength(1)
  })

  test('are not looked for where the learner is not linked', async () => {
    const paid = await pay(db, customer, 'license')
    const stranger = await addLearner(db)
    const revoke = (userId: string) => revokeLicenses(context, { customer: customer.uuid, learner: { userId } })
    await db
      .updateTable('enterprise_learner_links')
      .set({ is_linked: false, is_active: false })
      .where('learner_id', '=', paid.learner.id)
      .execute()
    for (const userId of [String(paid.learner.id), String(stranger.id), '999999999', 'me']) {
      await expect(revoke(userId)).rejects.toMatchObject({ name: 'EnterpriseError', code: 'learnerNotLinked' })
    }
    expect(await enrollmentInWords(db, paid.learner.id, paid.courseId)).toBe('active verified')
  })

  test('need a customer and a learner', async () => {
    const malformed: unknown[] = [
      {},
      { customer: '', learner: { userId: '1' } },
      { customer: customer.uuid, learner: {} },
    ]
    for (const request of malformed) {
      const revoked = revokeLicenses(context, request as Parameters<typeof revokeLicenses>[1])
      await expect(revoked).rejects.toMatchObject({ code: 'invalidRequest' })
    }
    const nobody = revokeLicenses(context, { customer: randomUUID(), learner: { userId: '1' } })
    await expect(nobody).rejects.toMatchObject({ code: 'customerNotFound' })
  })
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

  test('look at changes that came through another door', async () => {
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

async function ends({ courseId }: Paid, instant: string): Promise<void> {
  await db.updateTable('courses').set({ ends: instant }).where('course_key', '=', courseId).execute()
}

function recordRow({ courseId }: Paid) {
  return db
    .selectFrom('enterprise_enrollment_records')
    .select('enrollment_id')
    .where('course_key', '=', courseId)
    .executeTakeFirstOrThrow()
}
