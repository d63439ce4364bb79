import { randomUUID } from 'node:crypto'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { revokeLicenses } from '../../../enterprise/fulfilments/revoke-licenses.ts'
import { addLearner } from '../../support/seed.ts'
import { enrollmentInWords } from '../../support/world.ts'
import { contextOf } from '../calls.ts'
import { addCustomer, createEnterpriseDatabase, type SeededCustomer } from '../seed.ts'
import { pay } from './funded-world.ts'

const database = await createEnterpriseDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const context = contextOf(db)

let customer: SeededCustomer
beforeEach(async () => {
  customer = await addCustomer(db)
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

  test('stay where the LMS owns the course run', async () => {
    const paid = await pay(db, customer, 'license')
    await db.updateTable('courses').set({ owner: 'lms' }).where('course_key', '=', paid.courseId).execute()
    const learner = { userId: String(paid.learner.id) }
    const { courses } = await revokeLicenses(context, { customer: customer.uuid, learner })
    expect(courses).toMatchObject([{ success: false, did: 'refused', code: 'ownedByLms' }])
    expect(await enrollmentInWords(db, paid.learner.id, paid.courseId)).toBe('active verified')
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
