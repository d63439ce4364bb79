import { sql, type Transaction } from 'kysely'
import { afterAll, expect, test } from 'vitest'
import type { EnterpriseDB } from '../../../enterprise/database/schema.ts'
import { callerOf } from '../../routers/calls.ts'
import { addCourse, addLearners } from '../../support/seed.ts'
import { enrollmentInWords } from '../../support/world.ts'
import { addCustomer, addPending, createEnterpriseDatabase } from '../seed.ts'
import { fulfil, later, step } from './steps.ts'

const database = await createEnterpriseDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const customer = await addCustomer(db)
let situations = 0

test.each<
  [what: string, hold: (trx: Transaction<EnterpriseDB>, username: string, courseId: string) => Promise<unknown>]
>([
  [
    'whose enrollment somebody has begun',
    (trx, username, courseId) => callerOf(trx).enrollment.enroll({ username, courseId }),
  ],
  [
    'whose account somebody holds',
    (trx, username) => sql`select from learners where username = ${username} for update`.execute(trx),
  ],
])('a row %s keeps no other row of its customer waiting', async (_, hold) => {
  situations += 1
  const courseId = await addCourse(db)
  const emails = Array.from({ length: 9 }, (_none, number) => `held${situations}-${number}@example.com`)
  for (const email of emails) await addPending(db, customer, email, courseId)
  const learners = await addLearners(db, emails.length, { email: null })
  for (const [index, { id }] of learners.entries()) {
    await db
      .updateTable('learners')
      .set({ email: emails[index] ?? '' })
      .where('id', '=', id)
      .execute()
  }
  const held = learners[4]
  if (held === undefined) throw new Error('There are nine')
  const holder = await db.startTransaction().execute()
  await hold(holder, held.username, courseId)
  expect((await step(db)).counts).toMatchObject({ fulfilled: 8 })
  for (const { id } of learners.filter((learner) => learner !== held)) {
    expect(await enrollmentInWords(db, id, courseId)).toBe('active verified')
  }
  await holder.rollback().execute()
  expect(await fulfil(db, { now: () => later(100) })).toEqual({ fulfilled: 1 })
  expect(await enrollmentInWords(db, held.id, courseId)).toBe('active verified')
})
