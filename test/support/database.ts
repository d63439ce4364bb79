import { randomBytes } from 'node:crypto'
import type { Kysely } from 'kysely'
import { escapeIdentifier } from 'pg'
import { inject } from 'vitest'
import { openDatabase } from '../../core/database/open.ts'
import type { DB } from '../../core/database/schema.ts'
import { runStatement } from './statement.ts'

export interface TestDatabase extends AsyncDisposable {
  db: Kysely<DB>
  connectionString: string
}

/** A migrated, empty database of one's own; it is gone when all tests have run. Dispose of it to close its pool. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const { connectionString: server, template } = inject('server')
  const name = `${template}_${randomBytes(6).toString('hex')}`
  const statement = `create database ${escapeIdentifier(name)} template ${escapeIdentifier(template)}`
  await runStatement(server, `${statement} strategy file_copy`)
  const url = new URL(server)
  url.pathname = name
  const db = openDatabase({ connectionString: url.href })
  return { db, connectionString: url.href, [Symbol.asyncDispose]: () => db.destroy() }
}
