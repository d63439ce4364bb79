import { afterAll, beforeAll, expect, test } from 'vitest'
import { emailOptInQuery } from '../../../core/learner/email-opt-in.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { addLearner } from '../../support/seed.ts'

let database: TestDatabase
beforeAll(async () => void (database = await createTestDatabase()))
afterAll(() => database[Symbol.asyncDispose]())

const now = new Date('2026-03-01T12:00:00Z')

// The year alone is known: in 2026 somebody born in 2013 may still be twelve.
test.for([
  [null, 'True'],
  [1980, 'True'],
  [2012, 'True'],
  [2013, 'False'],
  [2020, 'False'],
] as const)('born in %s and says True: %s', async ([yearOfBirth, kept]) => {
  const { id } = await addLearner(database.db, { year_of_birth: yearOfBirth })
  await record({ id, yearOfBirth }, { org: 'edX', value: 'True', now })
  expect(await optIns(id)).toEqual([{ org: 'edX', value: kept }])
})

test('the last answer for an organisation counts', async () => {
  const { id } = await addLearner(database.db)
  for (const value of ['True', 'yes', 'False']) {
    await record({ id, yearOfBirth: null }, { org: 'edX', value, now })
  }
  await record({ id, yearOfBirth: null }, { org: 'MITx', value: 'True', now })
  expect(await optIns(id)).toEqual([
    { org: 'MITx', value: 'True' },
    { org: 'edX', value: 'False' },
  ])
})

function record(...[learner, answer]: OptIn) {
  return database.db.executeQuery(emailOptInQuery(database.db, learner, answer))
}

type OptIn = Parameters<typeof emailOptInQuery> extends [unknown, ...infer Rest] ? Rest : never

function optIns(id: number) {
  return database.db
    .selectFrom('email_optins')
    .select(['org', 'value'])
    .where('learner_id', '=', id)
    .orderBy('org')
    .execute()
}
