import {
  CompiledQuery,
  Kysely,
  PostgresDialect,
  PostgresDriver,
  type DatabaseConnection,
  type Driver,
  type PostgresDialectConfig,
} from 'kysely'
import pg from 'pg'
import { clientClass, type ClientSettings } from './client.ts'
import { boundCalls } from './deadline.ts'
import { livenessOf } from './liveness.ts'
import { BEGIN_BRIEFLY } from './lock-wait.ts'
import { rememberOwnPool } from './own-pools.ts'
import { getTypeParser } from './result-types.ts'
import type { DB } from './schema.ts'

/** A pool of connections; `await using` or `destroy()` closes it. */
export type Database = Kysely<DB>

export interface OpenDatabaseOptions {
  /** A PostgreSQL URL, `postgresql://user:password@host:port/name`. */
  readonly connectionString: string
  /** The most connections that the pool opens; 10 unless given. */
  readonly poolSize?: number
  /** Called when an idle connection breaks; the pool replaces it by itself. */
  readonly onConnectionLost?: (error: Error) => void
  /** Called when something works, but worse than it could, e.g. behind a pooler that knows no prepared statements. */
  readonly onWarning?: (message: string, error: Error) => void
  /** Milliseconds to wait for a connection before the call fails; 10 s unless given. */
  readonly connectionTimeoutMs?: number
  /** Milliseconds after which the server ends a statement; 10 s unless given, 0: never (run §2). */
  readonly statementTimeoutMs?: number
  /** Milliseconds that a statement waits for a lock; 5 s unless given, 0: for ever. */
  readonly lockTimeoutMs?: number
  /** Milliseconds after which a call has its answer or is refused with `unavailable`; 15 s unless given, 0: never. */
  readonly requestDeadlineMs?: number
  /** The most calls at a time; those beyond are refused at once with `unavailable`. 5 000 unless given. */
  readonly maxWaitingCalls?: number
}

/**
 * Opens a pool on a PostgreSQL database that {@link migrateToLatest} has prepared. Nothing is connected before the
 * first query. `timestamptz` arrives as ISO 8601 text with microseconds, `bigint` as text.
 */
export function openDatabase(options: OpenDatabaseOptions): Database {
  const { connectionString, statementTimeoutMs = 10_000, lockTimeoutMs = 5_000 } = options
  const settings: ClientSettings = {
    suspiciousMs: statementTimeoutMs > 0 ? statementTimeoutMs + 1_000 : 30_000,
    isAtWork: livenessOf(connectionString),
    isNaming: true,
    onNamesFail: (error) => options.onWarning?.(NO_NAMES, error),
  }
  const pool = new SessionPool(
    {
      connectionString,
      max: options.poolSize ?? 10,
      connectionTimeoutMillis: options.connectionTimeoutMs ?? 10_000,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      types: { getTypeParser },
      Client: clientClass(settings),
    },
    { ...SESSION, statement_timeout: String(statementTimeoutMs), lock_timeout: String(lockTimeoutMs) },
    (error) => {
      settings.isNaming = false
      options.onWarning?.(NO_SESSION_SETTINGS, error)
    },
  )
  pool.on('error', (error) => options.onConnectionLost?.(error))
  // A connection that breaks while it is in use fails its query, and tells it again as an event that, unheard, would
  // end the process.
  pool.on('connect', (client) => client.on('error', () => {}))
  const db = rememberOwnPool(
    new Kysely<DB>({ dialect: new PostgresDialect({ pool }) }),
    new Kysely<DB>({ dialect: new BriefDialect({ pool }) }),
  )
  const { requestDeadlineMs = 15_000, maxWaitingCalls = 5_000 } = options
  boundCalls(db, {
    deadlineMs: requestDeadlineMs || Infinity,
    maxCalls: maxWaitingCalls,
    lockTimeoutMs: lockTimeoutMs || Infinity,
  })
  return db
}

/**
 * Every query of this service is answered from an index. A prepared plan that was made while a table was still small
 * must not scan it for ever after, and compiling a query of a few rows costs more than running it. Dates are read as ISO 8601,
 * whatever the database prefers.
 */
const SESSION = { enable_seqscan: 'off', jit: 'off', DateStyle: 'ISO', TimeZone: 'UTC' }

const NO_NAMES = 'prepared statements do not work here, e.g. behind an old pooler: going on without, which is slower'
const NO_SESSION_SETTINGS =
  'a pooler refuses settings of the session: going on without them and without prepared statements'

/** PostgreSQL's and PgBouncer's words for a setting that a connection may not begin with. */
const REFUSED_SETTINGS = /unsupported startup parameter|unrecognized configuration parameter/

/** For transactions of our own: they begin with their time-out, in one go. */
class BriefDialect extends PostgresDialect {
  readonly #config: PostgresDialectConfig

  constructor(config: PostgresDialectConfig) {
    super(config)
    this.#config = config
  }

  override createDriver(): Driver {
    return new BriefDriver(this.#config)
  }
}

class BriefDriver extends PostgresDriver {
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw(BEGIN_BRIEFLY))
  }
}

/**
 * A pool whose connections begin with settings of the session. They are sent as startup parameters: `discard all` and a
 * pooler leave them as they are, and nobody else's session gets them.
 */
class SessionPool extends pg.Pool {
  readonly #onRefused: (error: Error) => void

  constructor(config: pg.PoolConfig, session: Readonly<Record<string, string>>, onRefused: (error: Error) => void) {
    const own = Object.entries(session).map(([name, value]) => `-c ${name}=${value}`)
    const given = URL.parse(config.connectionString ?? '')?.searchParams.get('options') ?? ''
    super({ ...config, options: [...own, given].join(' ').trim() })
    this.#onRefused = onRefused
  }

  override connect(): Promise<pg.PoolClient>
  override connect(...args: Parameters<pg.Pool['connect']>): void
  override async connect(): Promise<pg.PoolClient> {
    try {
      return await super.connect()
    } catch (error) {
      const { options } = this as unknown as { options: pg.PoolConfig } // Those it was made with.
      if (!(error instanceof Error && REFUSED_SETTINGS.test(error.message)) || options.options === undefined)
        throw error
      delete options.options
      this.#onRefused(error)
      return super.connect()
    }
  }
}
