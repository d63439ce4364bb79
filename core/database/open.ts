import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { rememberOwnPool } from './own-pools.ts'
import { getTypeParser } from './result-types.ts'
import type { DB } from './schema.ts'
import { JoinedStatement, statementName } from './statement.ts'

/** A pool of connections; `await using` or `destroy()` closes it. */
export type Database = Kysely<DB>

export interface OpenDatabaseOptions {
  /** A PostgreSQL URL, `postgresql://user:password@host:port/name`. */
  readonly connectionString: string
  /** The most connections that the pool opens. */
  readonly poolSize?: number
  /** Called when an idle connection breaks; the pool replaces it by itself. */
  readonly onConnectionLost?: (error: Error) => void
  /** Milliseconds to wait for a connection before the call fails. */
  readonly connectionTimeoutMs?: number
}

/**
 * Opens a pool on a PostgreSQL database that {@link migrateToLatest} has prepared. Nothing is connected before the
 * first query. `timestamptz` arrives as ISO 8601 text with microseconds, `bigint` as text.
 */
export function openDatabase(options: OpenDatabaseOptions): Database {
  const pool = new pg.Pool({
    connectionString: options.connectionString,
    max: options.poolSize ?? 10,
    connectionTimeoutMillis: options.connectionTimeoutMs ?? 10_000,
    types: { getTypeParser },
    Client: OwnClient,
    // The pool's own hook: where it fails, the pool has the place of the connection back.
    // oxlint-disable-next-line typescript/no-misused-promises -- the pool waits for it, which its types do not say
    onConnect: prepareSession,
  })
  pool.on('error', (error) => options.onConnectionLost?.(error))
  // A connection that breaks while it is in use fails its query, and tells it again as an event that, unheard, would
  // end the process.
  pool.on('connect', (client) => client.on('error', () => {}))
  return rememberOwnPool(new Kysely<DB>({ dialect: new PostgresDialect({ pool }) }))
}

/**
 * Every query of this service is answered from an index. A prepared plan that was made while a table was still small
 * must not scan it for ever after, and compiling a query of a few rows costs more than running it.
 */
async function prepareSession(client: pg.ClientBase): Promise<void> {
  await client.query('set enable_seqscan = off; set jit = off')
}

/**
 * Statements that begin with a comment of the form «name» in slashes and stars are prepared once a connection and
 * reused by that name: planning a joined statement on each call costs more than running it.
 *
 * A connection that the server ends (FATAL) is never used again; its end itself arrives a moment after the error, when the
 * pool may have given it to somebody else.
 */
class OwnClient extends pg.Client {
  // The many overloads of `query` reduce to "text first" here; everything else passes through untouched.
  override query(...args: unknown[]): never {
    if (args[0] instanceof JoinedStatement) args[0].statusFromClient = () => this.getTransactionStatus()
    const answer: unknown = Reflect.apply(super.query, this, named(args))
    return (answer instanceof Promise ? answer.catch((error: unknown) => this.#fail(error)) : answer) as never
  }

  #fail(error: unknown): never {
    if (error instanceof pg.DatabaseError && error.severity === 'FATAL') this.end().catch(() => {})
    throw error
  }
}

function named(args: readonly unknown[]): readonly unknown[] {
  const [text, values, ...rest] = args
  const name = typeof text === 'string' ? statementName(text) : undefined
  return name === undefined ? args : [{ name, text, values }, ...rest]
}
