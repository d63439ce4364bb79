import type { Kysely } from 'kysely'
import { Migrator, type Migration } from 'kysely/migration'
import type { DB } from '../../core/database/schema.ts'
import * as initial from './migrations/0001_initial.ts'
import * as arrivals from './migrations/0002_arrivals.ts'
import * as revocations from './migrations/0003_revocations.ts'
import * as emailFolding from './migrations/0004_email_folding.ts'
import * as cancellations from './migrations/0005_cancellations.ts'

/** In the order in which they run. Append only: a migration that has landed never changes. */
const migrations: Record<string, Migration> = {
  '0001_initial': initial,
  '0002_arrivals': arrivals,
  '0003_revocations': revocations,
  '0004_email_folding': emailFolding,
  '0005_cancellations': cancellations,
}

/**
 * Brings the tables of the extension to the newest schema, in one transaction. Those of core have their newest schema
 * already. Several processes may call it at once: one works, the others wait and find nothing to do.
 *
 * @returns the names of the migrations that this call applied; empty when the schema was already the newest.
 * @throws what the failing migration threw; nothing of it is kept then.
 */
export async function migrateEnterprise(db: Kysely<DB>): Promise<string[]> {
  const { error, results = [] } = await migratorOf(db).migrateToLatest()
  if (error !== undefined) throw error
  return results.filter((result) => result.status === 'Success').map((result) => result.migrationName)
}

/** Names the migrations that the extension's tables lack; changes nothing. */
export async function pendingEnterpriseMigrations(db: Kysely<DB>): Promise<string[]> {
  const known = await migratorOf(db).getMigrations()
  return known.filter((migration) => migration.executedAt === undefined).map((migration) => migration.name)
}

/** Apart from core's: the migrations of both do not know of each other. */
function migratorOf(db: Kysely<DB>): Migrator {
  return new Migrator({
    db,
    provider: { getMigrations: async () => migrations },
    migrationTableName: 'enterprise_migrations',
    migrationLockTableName: 'enterprise_migration_lock',
  })
}
