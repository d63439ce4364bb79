import { randomUUID } from 'node:crypto'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { cancelFulfilment } from '../../../enterprise/fulfilments/cancel-fulfilment.ts'
import { expireLicenses } from '../../../enterprise/fulfilments/expire-licenses.ts'
import type { LicenseResult } from '../../../enterprise/fulfilments/license-result.ts'
import { revokeLicenses } from '../../../enterprise/fulfilments/revoke-licenses.ts'
import { addCourse, addLearner } from '../../support/seed.ts'
import { enrollmentInWords } from '../../support/world.ts'
import { contextOf, done, NOW, PAST, refused } from '../calls.ts'
import { addCustomer, createEnterpriseDatabase, type SeededCustomer } from '../seed.ts'
import { everythingIn, recordOf } from '../state.ts'
import { inWords, pay, type Paid } from './funded-world.ts'

const database = await createEnterpriseDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const context = contextOf(db)

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

  test('leaves an enrollment that another customer pays for, and ends it with the last one', async () => {
    const courseId = await addCourse(db, { modes: ['verified'] })
    const paid = await pay(db, customer, 'license', { courseId })
    const globex = await addCustomer(db, 'Globex')
    const other = await pay(db, globex, 'license', samePair(paid))
    expect((await end([paid])).results).toMatchObject([{ success: true, did: 'fundedOtherwise', eventId: null }])
    expect(await inShort(paid)).toEqual(['active verified', 'unenrolled at version 1', 'revoked license'])
    expect(await recordOf(db, globex, paid.learner.id, courseId)).toMatchObject({ unenrolled: false })
    await cancelFulfilment(contextOf(db), { fulfilmentId: other.fulfilmentId })
    expect(await enrollmentInWords(db, paid.learner.id, courseId)).toBe('inactive verified')
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

  test('ends in a course run that is no longer there, and leaves the enrollment', async () => {
    const gone = await pay(db, customer, 'license')
    const paid = await pay(db, customer, 'license', { learner: gone.learner })
    const key = `course-v1:Gone+${randomUUID()}+1`
    await db.updateTable('courses').set({ course_key: key }).where('course_key', '=', gone.courseId).execute()
    const { ok, results } = await end([gone, paid])
    expect(ok).toBe(true)
    expect(results.map(({ did }) => did)).toEqual(['licenseEnded', 'movedToAudit'])
    expect(inWords(await recordOf(db, customer, gone.learner.id, gone.courseId))).toEqual(['revoked license'])
  })

  test('leaves a course run that the learner has passed', async () => {
    const paid = await pay(db, customer, 'license')
    const passed = { learner_id: paid.learner.id, course_key: paid.courseId, passed_at: PAST }
    await db.insertInto('enterprise_completions').values(passed).execute()
    expect((await end([paid])).results[0]?.did).toBe('completed')
    const forgotten = { learner_id: paid.learner.id, original_username: `was ${paid.learner.id}`, state: 'PENDING' }
    await db.insertInto('retirements').values(forgotten).execute()
    expect((await end([paid])).results[0]?.did).toBe('movedToAudit')
  })

  test('that fails in one course run is as it was there, and ends in the others', async () => {
    const bad = await pay(db, customer, 'license')
    const good = await pay(db, customer, 'license', { learner: bad.learner })
    // What the extension believes to be an enrollment of the learner is another's.
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
