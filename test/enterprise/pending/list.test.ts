import { randomUUID } from 'node:crypto'
import { afterAll, describe, expect, expectTypeOf, test } from 'vitest'
import { listPending, type PendingEnrollment } from '../../../enterprise/pending/list.ts'
import { addCourse, addLearner } from '../../support/seed.ts'
import { license, transaction, uuidOf } from '../acme.ts'
import { done, enroll, NOW, PAST } from '../calls.ts'
import { addCustomer, addPending, createEnterpriseDatabase } from '../seed.ts'
import { fulfil } from './steps.ts'

const database = await createEnterpriseDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database

describe('the list of what waits', () => {
  test('tells all that was asked for', async () => {
    const customer = await addCustomer(db)
    const courseId = await addCourse(db)
    const wish = { mode: 'audit', force: true, isDefaultAutoEnrollment: true, funding: transaction('T') }
    const { batchId } = await enroll(db, customer, [{ email: 'Kim@example.com', courseId, ...wish }], {
      discount: 12.5,
    })
    const { items, nextCursor } = await listPending({ db }, { customer: customer.uuid })
    expect(nextCursor).toBe(null)
    expect(items).toEqual([
      {
        id: items[0]?.id,
        email: 'kim@example.com',
        courseId,
        state: 'waiting',
        refusal: null,
        mode: 'audit',
        funding: { transaction: uuidOf('T') },
        discount: 12.5,
        force: true,
        isDefaultAutoEnrollment: true,
        attempts: 0,
        nextAttempt: null,
        enrollmentId: null,
        batchId,
        created: NOW.toISOString().replace('.000', ''),
        updated: NOW.toISOString().replace('.000', ''),
      },
    ])
    expectTypeOf(items).toEqualTypeOf<PendingEnrollment[]>()
  })

  test('tells what came of it', async () => {
    const customer = await addCustomer(db)
    const [open, over] = [await addCourse(db), await addCourse(db, { enrollment_end: PAST })]
    const email = 'lee@example.com'
    await enroll(db, customer, [
      { email, courseId: open, funding: license('L') },
      { email, courseId: over },
    ])
    await addLearner(db, { email })
    await fulfil(db)
    const { items } = await listPending({ db }, { customer: customer.uuid })
    const { enrollmentId } = await done(db, customer, { email, courseId: open })
    expect(items).toMatchObject([
      { courseId: open, state: 'fulfilled', refusal: null, enrollmentId, funding: { license: uuidOf('L') } },
      { courseId: over, state: 'refused', refusal: 'enrollmentClosed', enrollmentId: null, funding: null, attempts: 1 },
    ])
    const refused = await listPending({ db }, { customer: customer.uuid, states: ['refused'] })
    expect(refused.items).toEqual([items[1]])
  })

  test('comes in pages, which together are each row once, and only the customer’s own', async () => {
    const [customer, other] = [await addCustomer(db), await addCustomer(db)]
    const courses = [await addCourse(db), await addCourse(db), await addCourse(db)]
    for (const email of ['c@x.io', 'a@x.io', 'b@x.io']) {
      for (const courseId of courses) await addPending(db, customer, email, courseId)
      await addPending(db, other, email, courses[0] ?? '')
    }
    const all = (await listPending({ db }, { customer: customer.uuid })).items
    expect(all.map(({ email }) => email[0]).join('')).toBe('aaabbbccc')
    for (const limit of [1, 2, 3, 4, 9]) {
      const found: PendingEnrollment[] = []
      let cursor: string | null | undefined
      while (cursor !== null) {
        const page = await listPending({ db }, { customer: customer.uuid, limit, ...(cursor && { cursor }) })
        expect(page.items.length).toBeLessThanOrEqual(limit)
        found.push(...page.items)
        cursor = page.nextCursor
      }
      expect(found).toEqual(all)
    }
  })

  test.each([
    ['a cursor that is none', { cursor: 'x' }],
    ['a cursor that the database cannot read', { cursor: Buffer.from('["a\\u0000","b"]').toString('base64url') }],
    ['no state', { states: [] }],
    ['too large a page', { limit: 1001 }],
  ])('refuses %s', async (_, options) => {
    const customer = await addCustomer(db)
    const list = listPending({ db }, { customer: customer.uuid, ...options })
    await expect(list).rejects.toMatchObject({ name: 'EnterpriseError', code: 'invalidRequest' })
  })

  test('is nobody’s where no customer has the UUID', async () => {
    const list = listPending({ db }, { customer: randomUUID() })
    await expect(list).rejects.toMatchObject({ code: 'customerNotFound' })
  })
})
