import { sql } from 'kysely'
import { startEmbeddedDatabase } from '../embedded/start.ts'
import { isDatabaseUnavailable } from '../core/database/failure.ts'
import { openDatabase, type Database, type OpenDatabaseOptions } from '../core/database/open.ts'
import type { Config } from './config.ts'
import type { Extension } from './extension.ts'
import { migrateAll } from './migrations.ts'

/** The database cannot be used; the message says what to do. */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError'
}

export interface ServerDatabase extends AsyncDisposable {
  readonly db: Database
}

/**
 * Opens the database of the settings at its newest schema: the one of `DATABASE_URL`, or the embedded one, which it
 * starts. Disposing of it closes the pool and stops what was started.
 *
 * @throws {DatabaseError} when the database does not answer, or is too old; nothing is left running then.
 */
export async function openServerDatabase(
  config: Pick<Config, 'databaseUrl' | 'databasePoolSize' | 'limits' | 'dataDir'>,
  reports: Pick<OpenDatabaseOptions, 'onConnectionLost' | 'onWarning'>,
  extensions: readonly Extension[],
): Promise<ServerDatabase> {
  await using undo = new AsyncDisposableStack()
  const connectionString =
    config.databaseUrl ??
    undo.use(await startEmbeddedDatabase({ dataDir: config.dataDir, mode: 'owner' })).connectionString
  const db = openDatabase({ connectionString, poolSize: config.databasePoolSize, ...config.limits, ...reports })
  undo.defer(() => closePool(db))
  await checkVersion(db, connectionString)
  await migrateAll(db, extensions)
  const opened = undo.move()
  return { db, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

const OLDEST = 15

async function checkVersion(db: Database, connectionString: string): Promise<void> {
  const { host, pathname } = new URL(connectionString)
  const place = `The database ${decodeURIComponent(pathname.slice(1))} at ${host || 'the local socket'}`
  const version = await readVersion(db).catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message || String(Reflect.get(cause, 'code')) : String(cause)
    const advice = isDatabaseUnavailable(cause) ? 'start it, or change DATABASE_URL' : 'change DATABASE_URL'
    throw new DatabaseError(`${place} cannot be used (${reason}): ${advice}.`, { cause })
  })
  if (version >= OLDEST) return
  throw new DatabaseError(`${place} is PostgreSQL ${version}: PostgreSQL ${OLDEST} or newer is required.`)
}

async function readVersion(db: Database): Promise<number> {
  const { rows } = await sql<{ version: number }>`
    select current_setting('server_version_num')::int / 10000 as version
  `.execute(db)
  return rows[0]?.version ?? 0
}

/** Milliseconds for statements that still run; the end of the process, or of the embedded server, ends them then. */
const CLOSE_MS = 1_500

async function closePool(db: Database): Promise<void> {
  const late = Promise.withResolvers<void>()
  const timer = setTimeout(late.resolve, CLOSE_MS)
  await Promise.race([db.destroy(), late.promise])
  clearTimeout(timer)
}
