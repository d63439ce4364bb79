import { Migrator, type Migration } from 'kysely/migration'
import type { Kysely } from 'kysely'
import type { DB } from './schema.ts'
import * as initial from './migrations/0001_initial.ts'
import * as restLimits from './migrations/0002_rest_limits.ts'
import * as manualEnrollments from './migrations/0003_manual_enrollments.ts'
import * as idempotencyKeys from './migrations/0004_idempotency_keys.ts'
import * as references from './migrations/0005_references.ts'
import * as coveringUsernames from './migrations/0006_covering_usernames.ts'

/** In the order in which they run. Append only: a migration that has landed never changes. */
export const migrations: Record<string, Migration> = {
  '0001_initial': initial,
  '0002_rest_limits': restLimits,
  '0003_manual_enrollments': manualEnrollments,
  '0004_idempotency_keys': idempotencyKeys,
  '0005_references': references,
  '0006_covering_usernames': coveringUsernames,
}

/**
 * Brings the database to the newest schema, in one transaction. Several processes may call it at once: one works, the
 * others wait and find nothing to do.
 *
 * @returns the names of the migrations that this call applied; empty when the schema was already the newest.
 * @throws what the failing migration threw; nothing of it is kept then.
 */
export async function migrateToLatest(db: Kysely<DB>): Promise<string[]> {
  const { error, results = [] } = await migratorOf(db).migrateToLatest()
  if (error !== undefined) throw error
  return results.filter((result) => result.status === 'Success').map((result) => result.migrationName)
}

/** Names the migrations that the database lacks; changes nothing. */
export async function pendingMigrations(db: Kysely<DB>): Promise<string[]> {
  const known = await migratorOf(db).getMigrations()
  return known.filter((migration) => migration.executedAt === undefined).map((migration) => migration.name)
}

function migratorOf(db: Kysely<DB>): Migrator {
  return new Migrator({ db, provider: { getMigrations: async () => migrations } })
}
