import { afterAll, describe, expect, test } from 'vitest'
import { addCourse, addLearner } from '../../support/seed.ts'
import { enrollmentInWords } from '../../support/world.ts'
import { done, enroll, kindsOf, refused } from '../calls.ts'
import { addCustomer, addLink, createEnterpriseDatabase } from '../seed.ts'
import { linkInWords, pendingOf } from '../state.ts'

const database = await createEnterpriseDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const customer = await addCustomer(db)
const courseId = await addCourse(db)

describe('a learner', () => {
  test('is named by id, username or e-mail address, or by several that agree', async () => {
    const { id, username, email } = await addLearner(db)
    const userId = String(id)
    const names = [
      { userId },
      { username },
      { email },
      { email: ` ${email.toUpperCase()} ` },
      { userId, username, email },
      { userId, email: email.toUpperCase() },
      { username, email },
    ]
    const answer = await enroll(
      db,
      customer,
      names.map((name) => ({ ...name, courseId })),
    )
    expect(kindsOf(answer)).toEqual(['created', ...Array.from({ length: 6 }, () => 'unchanged')])
    expect(new Set(answer.rows.map((row) => row.userId))).toEqual(new Set([userId]))
    expect(new Set(answer.rows.map((row) => row.email))).toEqual(new Set([email]))
  })

  test.each(['999999999', '0', '-1', '1.5', 'abc', '99999999999', 'nul\0'])('id “%s” names nobody', async (userId) => {
    const row = await refused(db, customer, { userId, courseId })
    expect(row).toMatchObject({ code: 'learnerNotFound', details: { userId }, userId: null, email: null })
  })

  test.each(['nobody', 'nul\0', 'x'.repeat(200)])('username “%s” names nobody', async (username) => {
    expect(await refused(db, customer, { username, courseId })).toMatchObject({
      code: 'learnerNotFound',
      details: { username },
    })
  })

  test('whose names differ is refused; with idWins the id alone counts', async () => {
    const [ann, bob] = [await addLearner(db), await addLearner(db)]
    const nobody = await addLearner(db, { email: null })
    const userId = String(ann.id)
    const rows = [
      { userId, email: bob.email, courseId },
      { userId, email: 'no-at-sign', courseId },
      { userId, username: bob.username, courseId },
      { username: bob.username, email: ann.email, courseId },
      { userId: String(nobody.id), email: 'new@example.com', courseId },
      { userId: '999999999', email: bob.email, courseId },
    ]
    expect(kindsOf(await enroll(db, customer, rows))).toEqual([
      ...Array.from({ length: 5 }, () => 'identityMismatch'),
      'learnerNotFound',
    ])
    const answer = await enroll(db, customer, rows, { whenIdentityDiffers: 'idWins' })
    expect(kindsOf(answer)).toEqual([
      'created',
      'unchanged',
      'unchanged',
      'identityMismatch',
      'created',
      'learnerNotFound',
    ])
    expect(answer.rows.map((row) => row.email)).toEqual([ann.email, ann.email, ann.email, ann.email, null, null])
    expect(await enrollmentInWords(db, bob.id, courseId)).toBe(null)
  })
})

describe('the link of a learner with a customer', () => {
  test.each([
    ['none', null, 'active'],
    ['linked', {}, 'active'],
    ['active', { is_active: true }, 'active'],
    ['unlinked', { is_linked: false }, 'active'],
  ] as const)('%s becomes %s', async (_, columns, after) => {
    const { id } = await addLearner(db)
    if (columns) await addLink(db, customer, id, columns)
    await done(db, customer, { userId: String(id), courseId })
    expect(await linkInWords(db, customer, id)).toBe(after)
  })

  test('stays cut where it was cut for good: nothing is done', async () => {
    const { id } = await addLearner(db)
    await addLink(db, customer, id, { is_linked: false, is_permanently_unlinked: true })
    expect(await refused(db, customer, { userId: String(id), courseId })).toMatchObject({ code: 'linkForbidden' })
    expect(await linkInWords(db, customer, id)).toBe('unlinked for good')
    expect(await enrollmentInWords(db, id, courseId)).toBe(null)
  })

  test('makes the customer the active one, and no other', async () => {
    const other = await addCustomer(db)
    const { id } = await addLearner(db)
    await addLink(db, other, id, { is_active: true })
    await done(db, customer, { userId: String(id), courseId })
    expect([await linkInWords(db, customer, id), await linkInWords(db, other, id)]).toEqual(['active', 'linked'])
    await done(db, other, { userId: String(id), courseId })
    expect([await linkInWords(db, customer, id), await linkInWords(db, other, id)]).toEqual(['linked', 'active'])
  })

  test('is not made by a row that is refused', async () => {
    const closed = await addCourse(db, { invitation_only: true })
    const { id } = await addLearner(db)
    await refused(db, customer, { userId: String(id), courseId: closed })
    expect(await linkInWords(db, customer, id)).toBe(null)
  })
})

describe('the link of an address with a customer', () => {
  test('is made again where it was cut, but not where it was cut for good', async () => {
    const email = 'cut@example.com'
    const link = { email, customer_id: customer.id, created: '2026-01-01T00:00:00Z', is_linked: false }
    const { id } = await db
      .insertInto('enterprise_pending_links')
      .values(link)
      .returning('id')
      .executeTakeFirstOrThrow()
    await done(db, customer, { email, courseId })
    expect(await pendingOf(db, customer, email, courseId)).toMatchObject({ is_linked: true })
    const forGood = { is_linked: false, is_permanently_unlinked: true }
    await db.updateTable('enterprise_pending_links').set(forGood).where('id', '=', id).execute()
    expect(await refused(db, customer, { email, courseId: await addCourse(db) })).toMatchObject({
      code: 'linkForbidden',
      email,
    })
  })
})
