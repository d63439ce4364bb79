import { PostgresAdapter, sql, Transaction, type Kysely } from 'kysely'
import { Migrator, type Migration } from 'kysely/migration'
import { propsOn } from './foreign-kysely.ts'
import { withoutTimeouts } from './own-pools.ts'
import type { DB } from './schema.ts'
import { joinedTransaction } from './transaction.ts'
import * as initial from './migrations/0001_initial.ts'
import * as restLimits from './migrations/0002_rest_limits.ts'
import * as manualEnrollments from './migrations/0003_manual_enrollments.ts'
import * as idempotencyKeys from './migrations/0004_idempotency_keys.ts'
import * as references from './migrations/0005_references.ts'
import * as coveringUsernames from './migrations/0006_covering_usernames.ts'
import * as feedCheckpoints from './migrations/0007_feed_checkpoints.ts'
import * as emailFolding from './migrations/0008_email_folding.ts'
import * as feedEpochs from './migrations/0009_feed_epochs.ts'
import * as lmsIds from './migrations/0010_lms_ids.ts'
import * as autoEnrollment from './migrations/0012_auto_enrollment.ts'
import * as consumerFailures from './migrations/0013_consumer_failures.ts'
import * as webhooks from './migrations/0014_webhooks.ts'
import * as eventBus from './migrations/0015_event_bus.ts'
import * as adoption from './migrations/0016_adoption.ts'
import * as bulk from './migrations/0017_bulk.ts'
import * as courseRevisions from './migrations/0018_course_revisions.ts'

/** In the order in which they run. Append only: a migration that has landed never changes. */
export const migrations: Record<string, Migration> = {
  '0001_initial': initial,
  '0002_rest_limits': restLimits,
  '0003_manual_enrollments': manualEnrollments,
  '0004_idempotency_keys': idempotencyKeys,
  '0005_references': references,
  '0006_covering_usernames': coveringUsernames,
  '0007_feed_checkpoints': feedCheckpoints,
  '0008_email_folding': emailFolding,
  '0009_feed_epochs': feedEpochs,
  '0010_lms_ids': lmsIds,
  '0012_auto_enrollment': autoEnrollment,
  '0013_consumer_failures': consumerFailures,
  '0014_webhooks': webhooks,
  '0015_event_bus': eventBus,
  '0016_adoption': adoption,
  '0017_bulk': bulk,
  '0018_course_revisions': courseRevisions,
}

/** The migrations of an extension, in the order in which they run; append only. */
export interface ExtensionMigrations {
  /** Of the extension: lower case letters, digits and underscores. */
  readonly name: string
  readonly migrations: Readonly<Record<string, Migration>>
}

/**
 * Brings the tables of the core to the newest schema, in one transaction. Several processes may call it at once: one works,
 * the others wait and find nothing to do. The time-outs of a pool of `openDatabase` do not count here: a migration takes as long
 * as it takes.
 *
 * @returns the names of the migrations that this call applied; empty when the schema was already the newest.
 * @throws what the failing migration threw; nothing of it is kept then.
 */
export function migrateToLatest(db: Kysely<DB>): Promise<string[]> {
  return withoutTimeouts(db, (patient) => applied(patient, coreMigrator))
}

/** Names the migrations of the core that the database lacks; changes nothing. */
export function pendingMigrations(db: Kysely<DB>): Promise<string[]> {
  return pending(coreMigrator(db))
}

/**
 * The same as {@link migrateToLatest} for the tables of an extension, after those of the core. What has run is kept in a table
 * of the extension, `<name>_migrations`: its migrations and those of others do not know of each other.
 */
export function migrateExtension(db: Kysely<DB>, extension: ExtensionMigrations): Promise<string[]> {
  return withoutTimeouts(db, (patient) => applied(patient, (trx) => extensionMigrator(trx, extension)))
}

/** Names the migrations of an extension that the database lacks; changes nothing. */
export function pendingExtensionMigrations(db: Kysely<DB>, extension: ExtensionMigrations): Promise<string[]> {
  return pending(extensionMigrator(db, extension))
}

function applied(db: Kysely<DB>, migratorOn: (trx: Transaction<DB>) => Migrator): Promise<string[]> {
  return underLock(db, async (trx) => {
    const { error, results = [] } = await migratorOn(trx).migrateToLatest()
    if (error !== undefined) throw error
    return results.filter((result) => result.status === 'Success').map((result) => result.migrationName)
  })
}

/**
 * One process migrates at a time, for as long as it takes. The lock is one of the transaction: Kysely's own is one of the
 * session, which a pooler would leave to somebody else.
 */
function underLock<T>(db: Kysely<DB>, work: (trx: Transaction<DB>) => Promise<T>): Promise<T> {
  const locked = async (trx: Transaction<DB>) => {
    await sql`select set_config('statement_timeout', '0', true), set_config('lock_timeout', '0', true)`.execute(trx)
    await sql`select pg_advisory_xact_lock(${sql.lit(LOCK_OF_KYSELY)})`.execute(trx)
    return work(new Transaction<DB>(propsOn(trx.getExecutor(), (connection) => connection, undefined, UNLOCKED)))
  }
  const joined = joinedTransaction(db)
  return joined === null ? db.transaction().setIsolationLevel('read committed').execute(locked) : locked(joined)
}

/** The number of its lock, so that processes exclude each other that take it in either way. */
const LOCK_OF_KYSELY = 3853314791062309107n

const UNLOCKED: PostgresAdapter = Object.assign(new PostgresAdapter(), {
  acquireMigrationLock: async () => {},
  releaseMigrationLock: async () => {},
})

async function pending(migrator: Migrator): Promise<string[]> {
  const known = await migrator.getMigrations()
  return known.filter((migration) => migration.executedAt === undefined).map((migration) => migration.name)
}

function coreMigrator(db: Kysely<DB>): Migrator {
  return new Migrator({ db, provider: { getMigrations: async () => migrations } })
}

function extensionMigrator(db: Kysely<DB>, { name, migrations: ofExtension }: ExtensionMigrations): Migrator {
  return new Migrator({
    db,
    provider: { getMigrations: async () => ({ ...ofExtension }) },
    migrationTableName: `${name}_migrations`,
    migrationLockTableName: `${name}_migration_lock`,
  })
}
