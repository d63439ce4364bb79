import type { Kysely, QueryExecutor } from 'kysely'
import type { Listening } from './notifications.ts'
import { perObject } from './per-pool.ts'
import type { DB } from './schema.ts'

/** By its adapter, which all handles of a pool share, those of its connections and transactions included. */
const knownOf = perObject((_adapter: object): Partial<OwnPool> => ({}))

interface OwnPool {
  readonly pool: Kysely<DB>
  /** The same pool, for transactions of our own: their statements wait for locks only for a moment. */
  readonly brief: Kysely<DB>
  /** Opens another pool on the same database, in which no statement is ever ended for the time that it takes. */
  readonly openPatient?: () => Kysely<DB>
  readonly connections?: () => Connections
  /** Opens a connection beside the pool that listens on a channel; null: not through a pooler, which would share it. */
  readonly listen?: ((channel: string, onHeard: () => void) => Promise<Listening> | null) | undefined
  /** Aborted when the pool is closed. */
  readonly closing?: AbortSignal | undefined
}

/** How the connections of a pool stand. */
export interface Connections {
  /** Those that are open. */
  readonly size: number
  /** Those of them that nobody uses. */
  readonly idle: number
  /** Those who wait for one. */
  readonly waiting: number
  /** The most that are open at a time. */
  readonly limit: number
}

/** Remembers a pool that `openDatabase` opened. */
export function rememberOwnPool(known: OwnPool): Kysely<DB> {
  Object.assign(knownOf(known.pool.getExecutor().adapter), known)
  Object.assign(knownOf(known.brief.getExecutor().adapter), known)
  return known.pool
}

/** The handle on which transactions of our own are opened; undefined: the pool is somebody else's. */
export function briefPoolOf(executor: QueryExecutor): Kysely<DB> | undefined {
  return knownOf(executor.adapter).brief
}

/** The pool of ours that a handle belongs to; undefined: it is somebody else's. */
export function ownPoolOf(executor: QueryExecutor): Kysely<DB> | undefined {
  return knownOf(executor.adapter).pool
}

/** How the connections of a pool of ours stand. */
export function connectionsOf(pool: Kysely<DB>): Connections {
  return knownOf(pool.getExecutor().adapter).connections?.() ?? { size: 0, idle: 0, waiting: 0, limit: 0 }
}

/** How a pool hears of what others do: what it cannot do is undefined. */
export function hearingOf(db: Kysely<DB>): Pick<OwnPool, 'listen' | 'closing'> {
  const { listen, closing } = knownOf(db.getExecutor().adapter)
  return { listen, closing }
}

/**
 * Runs work that may take as long as it takes, e.g. a migration: beside a pool of ours on connections without time-outs, which
 * are closed after it. On a handle of somebody else it runs there.
 */
export async function withoutTimeouts<T>(db: Kysely<DB>, work: (patient: Kysely<DB>) => Promise<T>): Promise<T> {
  const { pool, openPatient } = knownOf(db.getExecutor().adapter)
  // A connection or a transaction of a pool is its caller's: what happens there has to happen there.
  if (openPatient === undefined || pool?.getExecutor() !== db.getExecutor()) return work(db)
  await using patient = openPatient()
  return await work(patient)
}
