import { sql } from 'kysely'
import { afterAll, expect, test } from 'vitest'
import { createTestDatabase } from '../../support/database.ts'
import { differencesOfTypes } from '../../support/schema-types.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())

test('the types say what the migrated database is', async () => {
  expect(await differences()).toBe('')
})

test('what the types do not know is found', async () => {
  await sql`alter table learners add column nickname text`.execute(database.db)
  expect(await differences()).toContain('nickname: string | null')
  await sql`alter table learners drop column nickname`.execute(database.db)
  await sql`alter table learners alter column email set not null`.execute(database.db)
  expect(await differences()).toContain('email: string;')
})

function differences(): Promise<string> {
  return differencesOfTypes(database.connectionString, '.kysely-codegenrc.json')
}
