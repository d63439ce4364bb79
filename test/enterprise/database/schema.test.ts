import { sql } from 'kysely'
import { afterAll, expect, test } from 'vitest'
import { createTestDatabase } from '../../support/database.ts'
import { differencesOfTypes } from '../../support/schema-types.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db, connectionString } = database

test('the types say what the tables of enterprise are', async () => {
  expect(await differencesOfTypes(connectionString, '.kysely-codegenrc.enterprise.json')).toBe('')
})

test('the types of the core know nothing of them', async () => {
  expect(await differencesOfTypes(connectionString, '.kysely-codegenrc.json')).toBe('')
})

test('what the types do not know is found', async () => {
  await sql`alter table enterprise_customers add column motto text`.execute(db)
  expect(await differencesOfTypes(connectionString, '.kysely-codegenrc.enterprise.json')).toContain(
    'motto: string | null',
  )
  await sql`alter table enterprise_customers drop column motto`.execute(db)
})
