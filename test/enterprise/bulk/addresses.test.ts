import { afterAll, describe, expect, test } from 'vitest'
import { addCourse, addLearner } from '../../support/seed.ts'
import { license, uuidOf } from '../acme.ts'
import { done, enroll, kindsOf, refused } from '../calls.ts'
import { addCustomer, addPending, createEnterpriseDatabase } from '../seed.ts'
import { everythingIn, pendingOf } from '../state.ts'

const database = await createEnterpriseDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const customer = await addCustomer(db)

describe('an address', () => {
  test('is the same in any case and with space around it', async () => {
    const [email, courseId] = ['new1@example.com', await addCourse(db)]
    const rows = [email, email.toUpperCase(), `  ${email} `].map((sent) => ({ email: sent, courseId }))
    const answer = await enroll(db, customer, rows)
    expect(kindsOf(answer)).toEqual(['pendingCreated', 'pendingUnchanged', 'pendingUnchanged'])
    expect(answer.rows.map((row) => row.email)).toEqual([email, email, email])
  })

  test('is the same course run under any of its keys', async () => {
    const [email, courseId] = ['new2@example.com', await addCourse(db)]
    const answer = await enroll(db, customer, [
      { email, courseId },
      { email, courseId: `${courseId}+branch@draft` },
    ])
    expect(kindsOf(answer)).toEqual(['pendingCreated', 'pendingUnchanged'])
    expect(answer.rows.map((row) => row.courseId)).toEqual([courseId, courseId])
  })

  test.each([
    'no-at-sign',
    'a@b',
    '@x.io',
    'a b@x.io',
    `${'a'.repeat(250)}@x.io`,
    'nul\0@x.io',
    '\u{d800}@x.io',
    'a@\u{d800}.io',
  ])('“%s” is none', async (email) => {
    const courseId = await addCourse(db)
    const untouched = await everythingIn(db)
    expect(await refused(db, customer, { email, courseId })).toMatchObject({ code: 'invalidEmail', email })
    expect(await everythingIn(db)).toEqual(untouched)
  })

  test('that an account has is accepted whatever its form', async () => {
    const learner = await addLearner(db, { email: 'Odd@Intranet' })
    const row = await done(db, customer, { email: 'odd@intranet', courseId: await addCourse(db) })
    expect(row).toMatchObject({ kind: 'created', userId: String(learner.id), email: 'Odd@Intranet' })
  })

  test('waits for each customer by itself', async () => {
    const [email, courseId] = ['new3@example.com', await addCourse(db)]
    await addPending(db, customer, email, courseId, { license_uuid: uuidOf('L') })
    const other = await addCustomer(db)
    expect(await done(db, other, { email, courseId, funding: license('L2') })).toMatchObject({ kind: 'pendingCreated' })
    expect(await pendingOf(db, customer, email, courseId)).toMatchObject({ license_uuid: uuidOf('L') })
  })
})
