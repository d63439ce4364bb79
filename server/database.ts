import { startEmbeddedDatabase } from '../embedded/start.ts'
import { isDatabaseUnavailable } from '../core/database/failure.ts'
import { openDatabase, type Database, type OpenDatabaseOptions } from '../core/database/open.ts'
import type { Config } from './config.ts'
import { checkDatabase, DatabaseError, placeOf } from './database-checks.ts'
import type { Extension } from './extension.ts'
import { migrateAll } from './migrations.ts'

export interface ServerDatabase extends AsyncDisposable {
  readonly db: Database
  /** Where it is, for those who need connections of their own. */
  readonly connectionString: string
}

/** What is told of it while it is used. */
export type DatabaseReports = Required<Pick<OpenDatabaseOptions, 'onConnectionLost' | 'onWarning'>>

/**
 * Opens the database of the settings at its newest schema: the one of `DATABASE_URL`, or the embedded one, which it
 * starts. Disposing of it closes the pool and stops what was started.
 *
 * @throws {DatabaseError} when the database does not answer, or cannot be used; nothing is left running then.
 */
export async function openServerDatabase(
  config: Pick<Config, 'databaseUrl' | 'databasePoolSize' | 'dataDir' | 'limits' | 'preparedStatements'>,
  reports: DatabaseReports,
  extensions: readonly Extension[],
): Promise<ServerDatabase> {
  await using undo = new AsyncDisposableStack()
  const connectionString =
    config.databaseUrl ??
    undo.use(await startEmbeddedDatabase({ dataDir: config.dataDir, mode: 'owner' })).connectionString
  const { databasePoolSize: poolSize, preparedStatements, limits } = config
  const db = openDatabase({ connectionString, poolSize, preparedStatements, ...limits, ...reports })
  undo.defer(() => closePool(db))
  await check(db, connectionString)
  await migrate(db, connectionString, extensions)
  const opened = undo.move()
  return { db, connectionString, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

/** The checks, with advice where the database does not answer at all. */
async function check(db: Database, connectionString: string): Promise<void> {
  await checkDatabase(db, connectionString, 'write').catch((cause: unknown) => {
    if (cause instanceof DatabaseError) throw cause
    const reason = cause instanceof Error ? cause.message || String(Reflect.get(cause, 'code')) : String(cause)
    const advice = isDatabaseUnavailable(cause) ? 'start it, or change DATABASE_URL' : 'change DATABASE_URL'
    throw new DatabaseError(`${placeOf(connectionString)} cannot be used (${reason}): ${advice}.`, { cause })
  })
}

async function migrate(db: Database, connectionString: string, extensions: readonly Extension[]): Promise<void> {
  await migrateAll(db, extensions).catch((cause: unknown) => {
    if (!(cause instanceof Error) || Reflect.get(cause, 'code') !== MAY_NOT) throw cause
    const advice = 'run "npm run cli -- migrate" as the role that owns its tables'
    throw new DatabaseError(`${placeOf(connectionString)} needs a migration (${cause.message}): ${advice}.`, { cause })
  })
}

/** PostgreSQL's code for a right that a role does not have. */
const MAY_NOT = '42501'

/** Milliseconds for statements that still run; the end of the process, or of the embedded server, ends them then. */
const CLOSE_MS = 1_500

async function closePool(db: Database): Promise<void> {
  const late = Promise.withResolvers<void>()
  const timer = setTimeout(late.resolve, CLOSE_MS)
  await Promise.race([db.destroy(), late.promise])
  clearTimeout(timer)
}
