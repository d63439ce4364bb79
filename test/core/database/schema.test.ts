import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { sql } from 'kysely'
import { afterAll, expect, test } from 'vitest'
import { createTestDatabase } from '../../support/database.ts'

const ROOT = join(import.meta.dirname, '../../..')
const CODEGEN = join(ROOT, 'node_modules/kysely-codegen/dist/cli/bin.js')

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

/** How the types in `core/database/schema.ts` differ from those that would be generated now; empty when they are equal. */
async function differences(): Promise<string> {
  const command = [CODEGEN, '--verify', '--url', database.connectionString]
  try {
    await promisify(execFile)(process.execPath, command, { cwd: ROOT })
    return ''
  } catch (error) {
    // Anything but a difference is a failure of the test.
    if (error instanceof Error && 'stderr' in error && /not up-to-date/.test(String(error.stderr))) {
      return String(error.stderr)
    }
    throw error
  }
}
