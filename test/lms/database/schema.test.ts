import { afterAll, expect, test } from 'vitest'
import { createTestDatabase } from '../../support/database.ts'
import { differencesOfTypes } from '../../support/schema-types.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())

test('the types say what the tables of lms are', async () => {
  expect(await differencesOfTypes(database.connectionString, '.kysely-codegenrc.lms.json')).toBe('')
})
