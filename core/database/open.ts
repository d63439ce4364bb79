import { Kysely, PostgresDialect } from 'kysely'
import { BriefDialect } from './brief-driver.ts'
import { clientClass, type ClientSettings } from './client.ts'
import { boundCalls } from './deadline.ts'
import { livenessOf } from './liveness.ts'
import { listenOn } from './notifications.ts'
import { rememberOwnPool } from './own-pools.ts'
import { inspectRoute, remarksOn } from './pooler.ts'
import { getTypeParser } from './result-types.ts'
import type { DB } from './schema.ts'
import { SessionPool } from './session-pool.ts'

/** A pool of connections; `await using` or `destroy()` closes it. */
export type Database = Kysely<DB>

export type PreparedStatements = 'auto' | 'on' | 'off'

export interface OpenDatabaseOptions {
  /** A PostgreSQL URL, `postgresql://user:password@host:port/name`. */
  readonly connectionString: string
  /** The most connections that the pool opens; 10 unless given. */
  readonly poolSize?: number
  /** Called when an idle connection breaks; the pool replaces it by itself. */
  readonly onConnectionLost?: (error: Error) => void
  /** Called when something works, but worse than it could, e.g. behind a pooler that knows no prepared statements. */
  readonly onWarning?: (message: string, error?: Error) => void
  /**
   * Whether statements are prepared under names: `auto` unless given, which is `off` behind a pooler that does not keep them, and
   * `on` otherwise.
   */
  readonly preparedStatements?: PreparedStatements
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
  const { connectionString, statementTimeoutMs = 10_000, lockTimeoutMs = 5_000, preparedStatements = 'auto' } = options
  const settings: ClientSettings = {
    suspiciousMs: statementTimeoutMs > 0 ? statementTimeoutMs + 1_000 : Infinity,
    isAtWork: livenessOf(connectionString),
    isPooled: false,
    isNaming: preparedStatements !== 'off',
    onNamesFail: (error) => options.onWarning?.(NAMES_FAIL, error),
  }
  let isInspected = false
  const pool = new SessionPool(
    {
      connectionString,
      max: options.poolSize ?? 10,
      connectionTimeoutMillis: options.connectionTimeoutMs ?? 10_000,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      types: { getTypeParser },
      Client: clientClass(settings),
      // oxlint-disable-next-line typescript/no-misused-promises -- pg's pool waits for it, which its types do not tell
      onConnect: async (client) => {
        if (isInspected) return
        const route = await inspectRoute(client)
        if (isInspected) return // By another connection in the meantime.
        isInspected = true
        settings.isPooled = route.isPooled
        if (preparedStatements === 'auto' && !route.keepsNames) settings.isNaming = false
        for (const remark of remarksOn(route, settings.isNaming, statementTimeoutMs)) options.onWarning?.(remark)
      },
    },
    { statementTimeoutMs, lockTimeoutMs },
    (error) => options.onWarning?.(SETTINGS_REFUSED, error),
  )
  pool.on('error', (error) => options.onConnectionLost?.(error))
  // A connection that breaks while it is in use fails its query, and tells it again as an event that, unheard, would
  // end the process.
  pool.on('connect', (client) => client.on('error', () => {}))
  const db = rememberOwnPool({
    pool: new Kysely<DB>({ dialect: new PostgresDialect({ pool }) }),
    brief: new Kysely<DB>({ dialect: new BriefDialect({ pool }) }),
    openPatient: () => openDatabase({ ...options, poolSize: 2, statementTimeoutMs: 0, lockTimeoutMs: 0 }),
    connections: () => {
      const {
        totalCount: size,
        idleCount: idle,
        waitingCount: waiting,
        options: { max: limit },
      } = pool
      return { size, idle, waiting, limit }
    },
    listen: (channel, onHeard) => (settings.isPooled ? null : listenOn(connectionString, channel, onHeard)),
    closing: pool.closing,
  })
  const { requestDeadlineMs = 15_000, maxWaitingCalls = 5_000 } = options
  boundCalls(db, {
    deadlineMs: requestDeadlineMs || Infinity,
    maxCalls: maxWaitingCalls,
    lockTimeoutMs: lockTimeoutMs || Infinity,
  })
  return db
}

const NAMES_FAIL = 'prepared statements do not work here, e.g. behind an old pooler: going on without, which is slower'
const SETTINGS_REFUSED = 'a pooler refuses settings of the session: going on without them'
