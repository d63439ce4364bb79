import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, describe, expect, test } from 'vitest'
import { addCourse, addLearner } from '../../support/seed.ts'
import { done } from '../calls.ts'
import { addCustomer, createEnterpriseDatabase } from '../seed.ts'

const database = await createEnterpriseDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const customer = await addCustomer(db)
const learner = await addLearner(db)
const row = { userId: String(learner.id), courseId: await addCourse(db), funding: { license: randomUUID() } }
await done(db, customer, row, { notify: true })

describe.each(['enterprise_learner_links', 'enterprise_enrollment_records', 'enterprise_batches'])(
  'a row of %s, to which others refer without a foreign key',
  (name) => {
    const table = sql.table(name)

    test('is never deleted', async () => {
      await expect(sql`delete from ${table}`.execute(db)).rejects.toThrow('never deleted')
    })

    test('keeps its id', async () => {
      await expect(sql`update ${table} set id = default`.execute(db)).rejects.toThrow('keep their id')
    })
  },
)

test('what every row of a request writes has no foreign key but that of a link', async () => {
  const { rows } = await sql<{ key: string }>`
    select conname as key from pg_constraint where contype = 'f' and conrelid = any (array[
      'enterprise_learner_links', 'enterprise_enrollment_records', 'enterprise_fulfilments', 'enterprise_notification_intents'
    ]::regclass[]) order by key`.execute(db)
  expect(rows.map(({ key }) => key)).toEqual([
    'enterprise_learner_links_customer_id_fkey',
    'enterprise_learner_links_learner_id_fkey',
  ])
})
