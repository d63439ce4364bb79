import { randomUUID } from 'node:crypto'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { endEnrollments } from '../../../enterprise/fulfilments/end-enrollments.ts'
import { counting } from '../../support/counting.ts'
import { addCourse, addLearner, addLearners } from '../../support/seed.ts'
import { addEnrollment, enrollmentInWords } from '../../support/world.ts'
import { contextOf, done, enroll } from '../calls.ts'
import { addCustomer, addLink, createEnterpriseDatabase, type SeededCustomer } from '../seed.ts'
import { everythingIn, pendingOf, recordOf } from '../state.ts'
import { inWords, pay, revocationsOf } from './funded-world.ts'

const database = await createEnterpriseDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database

let customer: SeededCustomer
beforeEach(async () => {
  customer = await addCustomer(db)
})
type Rows = Parameters<typeof endEnrollments>[1]['rows']
const end = (rows: Rows, more: { reason?: string } = {}, on = db) =>
  endEnrollments(contextOf(on), { customer: customer.uuid, rows, ...more })
const outcomesOf = async (rows: Rows) => (await end(rows)).rows.map(({ outcome }) => outcome)

describe('an enrollment that is ended', () => {
  test('keeps its mode; the record says so, and what paid is revoked with who did it and why', async () => {
    const { learner, courseId, fulfilmentId } = await pay(db, customer, 'license')
    await pay(db, customer, 'transaction', { learner, courseId })
    const { counts, rows, requestId } = await end([{ ref: 'a', userId: String(learner.id), courseId }], {
      reason: 'Left',
    })
    expect(counts).toEqual({ deactivated: 1 })
    expect(rows).toEqual([
      {
        index: 0,
        ref: 'a',
        courseId,
        outcome: 'deactivated',
        enrollmentId: expect.any(String),
        eventId: expect.any(String),
        pendingCancelled: 0,
        refusal: null,
      },
    ])
    expect(await enrollmentInWords(db, learner.id, courseId)).toBe('inactive verified')
    const record = await recordOf(db, customer, learner.id, courseId)
    expect(record).toMatchObject({ unenrolled: true, saved_for_later: true, enrollment_version: 2 })
    expect(inWords(record)).toEqual(['revoked license', 'revoked transaction'])
    expect(await revocationsOf(db, [fulfilmentId])).toMatchObject([
      { actor_name: 'admin', request_id: requestId, reason: 'Left' },
    ])
  })

  test('stays in a course run of the LMS, with what pays for it', async () => {
    const { learner, courseId } = await pay(db, customer, 'license')
    await db.updateTable('courses').set({ owner: 'lms' }).where('course_key', '=', courseId).execute()
    const { rows } = await end([{ userId: String(learner.id), courseId }])
    expect(rows).toMatchObject([{ outcome: 'refused', refusal: { code: 'ownedByLms' } }])
    expect(inWords(await recordOf(db, customer, learner.id, courseId))).toEqual(['license'])
  })

  test('is not ended twice', async () => {
    const { learner, courseId } = await pay(db, customer, 'license')
    const row = { userId: String(learner.id), courseId }
    expect(await outcomesOf([row, row])).toEqual(['deactivated', 'unchanged'])
    const untouched = await everythingIn(db)
    expect(await outcomesOf([row])).toEqual(['unchanged'])
    expect(await everythingIn(db)).toEqual(untouched)
  })

  test('goes on for another customer who pays for it, and has ended for this one', async () => {
    const other = await addCustomer(db)
    const { learner, courseId } = await pay(db, customer, 'license')
    await pay(db, other, 'transaction', { learner, courseId })
    const row = { username: (await usernameOf(learner.id)) ?? '', courseId }
    expect(await outcomesOf([row])).toEqual(['fundedOtherwise'])
    expect(await enrollmentInWords(db, learner.id, courseId)).toBe('active verified')
    expect(await recordOf(db, customer, learner.id, courseId)).toMatchObject({ unenrolled: true })
    expect(await recordOf(db, other, learner.id, courseId)).toMatchObject({ unenrolled: false })
    expect(await outcomesOf([row])).toEqual(['unchanged'])
  })

  test('may have no record', async () => {
    const { id } = await addLearner(db)
    const courseId = await addCourse(db)
    await addLink(db, customer, id)
    await addEnrollment(db, id, courseId)
    expect(await outcomesOf([{ userId: String(id), courseId }])).toEqual(['deactivated'])
    expect(await recordOf(db, customer, id, courseId)).toBeNull()
  })

  test('stays where the learner is not linked, and where there is none', async () => {
    const [linked, stranger] = await addLearners(db, 2)
    if (!linked || !stranger) throw new Error('Two learners were asked for')
    const courseId = await addCourse(db)
    await addLink(db, customer, linked.id)
    await addEnrollment(db, stranger.id, courseId)
    const untouched = await everythingIn(db)
    const rows = [
      { userId: String(linked.id), courseId },
      { userId: String(stranger.id), courseId },
      { email: stranger.email, courseId },
      { userId: String(linked.id), courseId: 'course-v1:No+Such+Run' },
      { userId: String(linked.id), courseId: 'no key' },
    ]
    expect(await outcomesOf(rows)).toEqual(rows.map(() => 'unchanged'))
    expect(await everythingIn(db)).toEqual(untouched)
  })
})

describe('what waits', () => {
  test('for the address is cancelled, and once', async () => {
    const email = `${randomUUID()}@example.com`
    const courseId = await addCourse(db)
    await enroll(db, customer, [{ email, courseId }])
    const { rows } = await end([
      { email: email.toUpperCase(), courseId },
      { email, courseId },
    ])
    expect(rows.map(({ outcome, pendingCancelled }) => [outcome, pendingCancelled])).toEqual([
      ['pendingCancelled', 1],
      ['unchanged', 0],
    ])
    expect(await pendingOf(db, customer, email, courseId)).toMatchObject({ state: 'cancelled' })
  })

  test('for the address of an account is cancelled with it, but not for a row that is refused', async () => {
    const { id, email } = await addLearner(db, { email: `${randomUUID()}@example.com` })
    const other = await addLearner(db)
    const courseId = await addCourse(db)
    await addLink(db, customer, id)
    const pending = await db.transaction().execute(async (trx) => {
      const old = `${randomUUID()}@example.com`
      await enroll(trx, customer, [{ email: old, courseId }])
      await trx.updateTable('learners').set({ email: old }).where('id', '=', id).execute()
      return old
    })
    const mismatch = await end([{ userId: String(other.id), email: pending, courseId }])
    expect(mismatch.rows[0]).toMatchObject({
      outcome: 'refused',
      refusal: { code: 'identityMismatch', retryable: false },
    })
    expect(await outcomesOf([{ userId: String(id), courseId }])).toEqual(['pendingCancelled'])
    expect(email).not.toBe(pending)
  })
})

describe('the call', () => {
  test('joins a transaction, with which it is taken back', async () => {
    const { learner, courseId } = await pay(db, customer, 'license')
    const row = { userId: String(learner.id), courseId }
    const undone = db.transaction().execute(async (trx) => {
      expect((await end([row], {}, trx)).counts).toEqual({ deactivated: 1 })
      throw new Error('not today')
    })
    await expect(undone).rejects.toThrow('not today')
    expect(await enrollmentInWords(db, learner.id, courseId)).toBe('active verified')
  })

  test('needs a customer and rows that name somebody', async () => {
    const rows = [{ userId: '1', courseId: 'c' }]
    await expect(endEnrollments(contextOf(db), { customer: randomUUID(), rows })).rejects.toMatchObject({
      code: 'customerNotFound',
    })
    for (const wrong of [[], [{ courseId: 'c' }], [{ userId: '1', courseId: '' }]]) {
      await expect(end(wrong)).rejects.toMatchObject({ code: 'invalidRequest' })
    }
    expect((await end([{ userId: 'nobody', courseId: 'c' }])).rows[0]).toMatchObject({
      outcome: 'refused',
      refusal: { code: 'learnerNotFound' },
    })
  })

  test('takes as many statements for 500 rows as for 10', async () => {
    const counts = []
    for (const size of [10, 500]) {
      const learners = await addLearners(db, size)
      const courseId = await addCourse(db)
      const rows = learners.map(({ id }) => ({ userId: String(id), courseId }))
      await enroll(db, customer, rows)
      const counted = counting(db)
      await endEnrollments(contextOf(counted.db), { customer: customer.uuid, rows })
      counts.push(counted.statements())
    }
    expect(counts[1]).toBe(counts[0])
  })

  test('ends more than a chunk, with the places of the request', async () => {
    const { learner, courseId } = await pay(db, customer, 'license')
    const nobody = Array.from({ length: 1000 }, (_, n) => ({ email: `n${n}@example.com`, courseId }))
    const { rows } = await end([...nobody, { userId: String(learner.id), courseId }])
    expect(rows.map(({ index }) => index)).toEqual(Array.from({ length: 1001 }, (_, n) => n))
    expect(rows.at(-1)?.outcome).toBe('deactivated')
    expect((await done(db, customer, { userId: String(learner.id), courseId })).kind).toBe('reactivated')
  })
})

async function usernameOf(id: number): Promise<string | undefined> {
  const row = await db.selectFrom('learners').select('username').where('id', '=', id).executeTakeFirst()
  return row?.username
}
