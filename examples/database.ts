import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql, type Generated, type Kysely } from 'kysely'
import { migrateToLatest, openDatabase, startEmbeddedDatabase, type DB } from '../core/database/index.ts'
import { migrateEnterprise } from '../enterprise/database/migrate.ts'
import type { EnterpriseDB, EnterpriseTables } from '../enterprise/database/schema.ts'

export interface ExampleDatabase extends AsyncDisposable {
  readonly db: Kysely<DB>
  /** For a person. */
  readonly place: string
}

/** Opens the database of `DATABASE_URL`, or starts one that goes with its directory; either has the newest schema then. */
export async function openExampleDatabase(): Promise<ExampleDatabase> {
  await using undo = new AsyncDisposableStack()
  const { connectionString, place } = await locate(undo)
  const db = undo.use(openDatabase({ connectionString }))
  await migrateToLatest(db)
  await migrateEnterprise(db)
  const opened = undo.move()
  return { db, place, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

async function locate(undo: AsyncDisposableStack): Promise<{ connectionString: string; place: string }> {
  const url = process.env.DATABASE_URL
  if (url !== undefined && url !== '') return { connectionString: url, place: 'the one of DATABASE_URL' }
  const dataDir = await mkdtemp(join(tmpdir(), 'enrollment-example-'))
  undo.defer(() => rm(dataDir, { recursive: true, force: true }))
  const server = undo.use(await startEmbeddedDatabase({ dataDir, mode: 'owner' }))
  return { connectionString: server.connectionString, place: `one of its own, in ${dataDir}` }
}

/** A table of the customer, which the service knows nothing of. */
export type LedgerTable = {
  example_ledger: { transaction: Generated<string>; customer: string; seats: number; cents: number }
}

/** Makes the ledger where there is none. */
export async function withLedger(db: Kysely<DB>): Promise<Kysely<EnterpriseDB & LedgerTable>> {
  await sql`create table if not exists example_ledger (
    transaction uuid primary key default gen_random_uuid(),
    customer uuid not null,
    seats integer not null,
    cents integer not null
  )`.execute(db)
  return db.$extendTables<EnterpriseTables & LedgerTable>()
}
