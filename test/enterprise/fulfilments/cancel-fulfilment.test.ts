import { randomUUID } from 'node:crypto'
import { afterAll, describe, expect, test } from 'vitest'
import { cancelFulfilment } from '../../../enterprise/fulfilments/cancel-fulfilment.ts'
import { createCaller } from '../../../routers/index.ts'
import { addCourse } from '../../support/seed.ts'
import { enrollmentInWords } from '../../support/world.ts'
import { contextOf, done, FUTURE, NOW, refused } from '../calls.ts'
import { addCustomer, createEnterpriseDatabase } from '../seed.ts'
import { everythingIn, recordOf } from '../state.ts'
import { inWords, pay, revocationsOf } from './funded-world.ts'

const database = await createEnterpriseDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const customer = await addCustomer(db)
const context = contextOf(db, { requestId: 'request 1' })
const at = NOW.toISOString().replace('.000', '')

describe('a fulfilment that is cancelled', () => {
  test.each(['license', 'transaction'] as const)('ends the enrollment in the mode that it has: a %s', async (kind) => {
    const { learner, courseId, fulfilmentId, fundingId } = await pay(db, customer, kind)
    const answer = await cancelFulfilment(context, { fulfilmentId, reason: 'returned' })
    expect(answer).toMatchObject({ outcome: 'cancelled', fulfilmentId, version: 2 })
    expect(await enrollmentInWords(db, learner.id, courseId)).toBe('inactive verified')
    const record = await recordOf(db, customer, learner.id, courseId)
    expect(record).toMatchObject({
      enrollment_version: 2,
      unenrolled: true,
      unenrolled_at: at,
      saved_for_later: true,
      fulfilments: [{ uuid: fulfilmentId, revoked: at }],
    })
    expect(await revocationsOf(db, [fulfilmentId])).toEqual([
      {
        fulfilment_uuid: fulfilmentId,
        kind,
        funding_id: fundingId,
        actor_kind: 'user',
        actor_name: 'admin',
        request_id: 'request 1',
        reason: 'returned',
        at,
      },
    ])
  })

  test('stays as it is in a course run of the LMS', async () => {
    const { learner, courseId, fulfilmentId } = await pay(db, customer, 'transaction')
    await db.updateTable('courses').set({ owner: 'lms' }).where('course_key', '=', courseId).execute()
    const answer = await cancelFulfilment(context, { fulfilmentId })
    expect(answer).toMatchObject({ outcome: 'refused', code: 'ownedByLms', details: { courseId } })
    expect(await enrollmentInWords(db, learner.id, courseId)).toBe('active verified')
    expect(inWords(await recordOf(db, customer, learner.id, courseId))).toEqual(['transaction'])
  })

  test('leaves one event of the enrollment, which says who and why', async () => {
    const { learner, courseId, fulfilmentId } = await pay(db, customer, 'transaction')
    const answer = await cancelFulfilment(context, { fulfilmentId, reason: 'returned' })
    const history = await createCaller(context).enrollment.history({ userId: String(learner.id), courseId })
    expect(history.map(({ kind }) => kind)).toEqual(['created', 'deactivated'])
    expect(history[1]).toMatchObject({
      id: answer.outcome === 'cancelled' && answer.eventId,
      actor: { kind: 'user', name: 'admin' },
      requestId: 'request 1',
      reason: 'returned',
    })
  })

  test('leaves the enrollment to whatever else pays for it, until that is cancelled too', async () => {
    const paid = await pay(db, customer, 'license')
    const other = await pay(db, customer, 'transaction', { learner: paid.learner, courseId: paid.courseId })
    const first = await cancelFulfilment(context, { fulfilmentId: other.fulfilmentId })
    expect(first).toMatchObject({ outcome: 'cancelled', isFundedOtherwise: true, eventId: null, version: 1 })
    const record = () => recordOf(db, customer, paid.learner.id, paid.courseId)
    expect(inWords(await record())).toEqual(['license', 'revoked transaction'])
    expect(await record()).toMatchObject({ unenrolled: false })
    expect(await enrollmentInWords(db, paid.learner.id, paid.courseId)).toBe('active verified')
    const last = await cancelFulfilment(context, { fulfilmentId: paid.fulfilmentId })
    expect(last).toMatchObject({ outcome: 'cancelled', isFundedOtherwise: false })
    expect(inWords(await record())).toEqual(['revoked license', 'revoked transaction'])
    expect(await enrollmentInWords(db, paid.learner.id, paid.courseId)).toBe('inactive verified')
    expect(await revocationsOf(db, [paid.fulfilmentId, other.fulfilmentId])).toHaveLength(2)
  })

  test('leaves alone what was revoked before', async () => {
    const paid = await pay(db, customer, 'license')
    await cancelFulfilment(context, { fulfilmentId: paid.fulfilmentId })
    const other = await pay(db, customer, 'transaction', { learner: paid.learner, courseId: paid.courseId })
    const later = contextOf(db, { now: () => new Date(FUTURE) })
    await cancelFulfilment(later, { fulfilmentId: other.fulfilmentId })
    const record = await recordOf(db, customer, paid.learner.id, paid.courseId)
    expect(record?.fulfilments.map(({ revoked }) => revoked)).toEqual([at, FUTURE])
    expect(await revocationsOf(db, [paid.fulfilmentId])).toHaveLength(1)
  })

  test('leaves other enrollments of the learner, and what others paid for', async () => {
    const paid = await pay(db, customer, 'transaction')
    const elsewhere = await pay(db, customer, 'transaction', { learner: paid.learner })
    const stranger = await pay(db, customer, 'transaction', { courseId: paid.courseId })
    await cancelFulfilment(context, { fulfilmentId: paid.fulfilmentId })
    for (const { learner, courseId } of [elsewhere, stranger]) {
      expect(await enrollmentInWords(db, learner.id, courseId)).toBe('active verified')
      expect(inWords(await recordOf(db, customer, learner.id, courseId))).toEqual(['transaction'])
    }
  })

  test('of an enrollment that has ended already is revoked all the same, without an event', async () => {
    const { learner, courseId, fulfilmentId } = await pay(db, customer, 'transaction')
    await createCaller(context).enrollment.change({ userId: String(learner.id), courseId, isActive: false })
    expect(await cancelFulfilment(context, { fulfilmentId })).toMatchObject({ outcome: 'cancelled', eventId: null })
    expect(await recordOf(db, customer, learner.id, courseId)).toMatchObject({
      enrollment_version: 2,
      unenrolled: true,
    })
  })

  test('may be of a course run that does not offer the default mode', async () => {
    const courseId = await addCourse(db, { modes: ['verified', 'professional'] })
    const { learner, fulfilmentId } = await pay(db, customer, 'transaction', { courseId })
    expect(await cancelFulfilment(context, { fulfilmentId })).toMatchObject({ outcome: 'cancelled' })
    expect(await enrollmentInWords(db, learner.id, courseId)).toBe('inactive verified')
  })

  test('is named by its UUID in any form', async () => {
    const { fulfilmentId } = await pay(db, customer, 'transaction')
    const text = fulfilmentId.toUpperCase().replaceAll('-', '')
    expect(await cancelFulfilment(context, { fulfilmentId: text })).toMatchObject({
      outcome: 'cancelled',
      fulfilmentId,
    })
  })
})

describe('nothing is done', () => {
  test('the second time', async () => {
    const { fulfilmentId } = await pay(db, customer, 'transaction')
    await cancelFulfilment(context, { fulfilmentId })
    const untouched = await everythingIn(db)
    expect(await cancelFulfilment(context, { fulfilmentId })).toEqual({ outcome: 'alreadyRevoked', fulfilmentId })
    expect(await everythingIn(db)).toEqual(untouched)
  })

  test('to what is not there, or is another customer’s', async () => {
    const { fulfilmentId } = await pay(db, customer, 'transaction')
    const other = await addCustomer(db)
    const untouched = await everythingIn(db)
    for (const request of [
      { fulfilmentId: randomUUID() },
      { fulfilmentId: 'F7' },
      { fulfilmentId: 'nul\0' },
      { fulfilmentId, customer: other.uuid },
    ]) {
      expect(await cancelFulfilment(context, request)).toEqual({ outcome: 'fulfilmentNotFound' })
    }
    expect(await everythingIn(db)).toEqual(untouched)
    expect(await cancelFulfilment(context, { fulfilmentId, customer: customer.uuid })).toMatchObject({
      outcome: 'cancelled',
    })
  })

  test('where core refuses', async () => {
    const { courseId, fulfilmentId } = await pay(db, customer, 'transaction')
    await db
      .updateTable('courses')
      .set({ course_key: 'course-v1:Gone+Gone+1' })
      .where('course_key', '=', courseId)
      .execute()
    const untouched = await everythingIn(db)
    expect(await cancelFulfilment(context, { fulfilmentId })).toMatchObject({
      outcome: 'refused',
      code: 'courseNotFound',
      retryable: false,
    })
    expect(await everythingIn(db)).toEqual(untouched)
  })

  test('for a customer who is none', async () => {
    const request = { fulfilmentId: randomUUID(), customer: randomUUID() }
    await expect(cancelFulfilment(context, request)).rejects.toMatchObject({ code: 'customerNotFound' })
  })

  test('for a malformed request', async () => {
    const request = { fulfilmentId: randomUUID(), reason: 'nul\0' }
    await expect(cancelFulfilment(context, request)).rejects.toMatchObject({ code: 'invalidRequest' })
  })
})

describe('what was cancelled is enrolled again', () => {
  test('for another transaction: the fulfilment pays again, the record is enrolled (C.5 row 8)', async () => {
    const { learner, courseId, fulfilmentId } = await pay(db, customer, 'transaction')
    await cancelFulfilment(context, { fulfilmentId })
    const transaction = randomUUID()
    const again = await done(db, customer, { userId: String(learner.id), courseId, funding: { transaction } })
    expect(again).toMatchObject({ kind: 'reactivated', fulfilment: 'revived', fulfilmentId, version: 3 })
    expect(await recordOf(db, customer, learner.id, courseId)).toMatchObject({
      enrollment_version: 3,
      unenrolled: false,
      unenrolled_at: null,
      saved_for_later: false,
      fulfilments: [{ uuid: fulfilmentId, funding_id: transaction, revoked: null }],
    })
    expect(await cancelFulfilment(context, { fulfilmentId })).toMatchObject({ outcome: 'cancelled', version: 4 })
    expect(await revocationsOf(db, [fulfilmentId])).toHaveLength(2)
  })

  test('for the same transaction it is not (row 9)', async () => {
    const { learner, courseId, fulfilmentId, fundingId } = await pay(db, customer, 'transaction')
    await cancelFulfilment(context, { fulfilmentId })
    const untouched = await everythingIn(db)
    const row = { userId: String(learner.id), courseId, funding: { transaction: fundingId } }
    expect(await refused(db, customer, row)).toMatchObject({ code: 'transactionReused' })
    expect(await everythingIn(db)).toEqual(untouched)
  })

  test('for nothing: the record is enrolled, what was revoked stays so', async () => {
    const { learner, courseId, fulfilmentId } = await pay(db, customer, 'license')
    await cancelFulfilment(context, { fulfilmentId })
    expect(await done(db, customer, { userId: String(learner.id), courseId })).toMatchObject({ kind: 'reactivated' })
    const record = await recordOf(db, customer, learner.id, courseId)
    expect(record).toMatchObject({ unenrolled: false, saved_for_later: false })
    expect(inWords(record)).toEqual(['revoked license'])
  })
})
