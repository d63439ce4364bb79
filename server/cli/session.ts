import { startEmbeddedDatabase, type EmbeddedDatabase } from '../../embedded/start.ts'
import { openDatabase, type Database } from '../../core/database/open.ts'
import { readConfig, type Config, type Environment } from '../config.ts'
import { checkDatabase } from '../database-checks.ts'
import type { Extension } from '../extension.ts'
import { isAtNewestSchema, migrateAll } from '../migrations.ts'
import { CommandError, type ExitCode } from './failure.ts'
import type { Streams } from './streams.ts'

/** What a command works with. */
export interface Session extends Streams {
  /** The settings of the environment; read when they are first needed, so that help needs none. */
  readonly config: () => Config
  readonly extensions: readonly Extension[]
  /** What the process ends with; a command sets it when some rows failed. */
  exitCode: ExitCode
}

/** The session of one command. */
export function openSession(
  { stdin, stdout, stderr }: Streams,
  { extensions, environment }: { readonly extensions: readonly Extension[]; readonly environment: () => Environment },
): Session {
  return { stdin, stdout, stderr, config: () => readConfig(environment()), extensions, exitCode: 0 }
}

/**
 * Works on the database of the settings, at the newest schema: the one of `DATABASE_URL`, or the embedded one, which is
 * joined where a server runs it and otherwise started for as long as the work takes.
 *
 * @param use `read` where nothing is written, as from a standby.
 * @throws {DatabaseError} where the database cannot be used at all.
 * @throws {CommandError} when the database of `DATABASE_URL` has another schema: only `migrate` changes it.
 */
export async function withDatabase<T>(
  session: Session,
  work: (db: Database, connectionString: string) => Promise<T>,
  use: 'read' | 'write' = 'write',
): Promise<T> {
  const atNewest = async (db: Database, connectionString: string) => {
    if (session.config().databaseUrl === undefined) await migrateAll(db, session.extensions)
    if (!(await isAtNewestSchema(db, session.extensions))) {
      throw new CommandError('The database is not at the newest schema. Bring it there with: npm run cli -- migrate')
    }
    return work(db, connectionString)
  }
  return withAnyDatabase(session, atNewest, use)
}

/** The same, at whatever schema the database is. */
export async function withAnyDatabase<T>(
  session: Session,
  work: (db: Database, connectionString: string) => Promise<T>,
  use: 'read' | 'write' = 'write',
): Promise<T> {
  const { databaseUrl, dataDir, preparedStatements } = session.config()
  await using undo = new AsyncDisposableStack()
  const connectionString = databaseUrl ?? undo.use(await joinEmbeddedDatabase(session, dataDir)).connectionString
  const db = openDatabase({ connectionString, poolSize: POOL_SIZE, preparedStatements, ...UNHURRIED })
  undo.defer(() => db.destroy())
  await checkDatabase(db, connectionString, use)
  return await work(db, connectionString)
}

function joinEmbeddedDatabase({ stderr }: Session, dataDir: string): Promise<EmbeddedDatabase> {
  return startEmbeddedDatabase({
    dataDir,
    mode: 'guest',
    onWaiting: (pid) => stderr.write(`Waiting for the embedded PostgreSQL under ${dataDir} (process ${pid}) …\n`),
  })
}

/** Commands do one thing after another. */
const POOL_SIZE = 2

/** What a person or a script has asked for takes as long as it takes: an import of a million lines, a lock that is held. */
const UNHURRIED = { statementTimeoutMs: 0, lockTimeoutMs: 0, requestDeadlineMs: Infinity }
