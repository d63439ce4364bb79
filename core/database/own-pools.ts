import type { Kysely, QueryExecutor } from 'kysely'
import { perObject } from './per-pool.ts'
import type { DB } from './schema.ts'

/** By its adapter, which all handles of a pool share, those of its connections and transactions included. */
const knownOf = perObject((_adapter: object): { pool?: Kysely<DB>; brief?: Kysely<DB> } => ({}))

/**
 * Remembers a pool that `openDatabase` opened.
 *
 * @param brief the same pool, for transactions of our own: their statements wait for locks only for a moment.
 */
export function rememberOwnPool(pool: Kysely<DB>, brief: Kysely<DB>): Kysely<DB> {
  const known = { pool, brief }
  Object.assign(knownOf(pool.getExecutor().adapter), known)
  Object.assign(knownOf(brief.getExecutor().adapter), known)
  return pool
}

/** The handle on which transactions of our own are opened; undefined: the pool is somebody else's. */
export function briefPoolOf(executor: QueryExecutor): Kysely<DB> | undefined {
  return knownOf(executor.adapter).brief
}

/** The pool of ours that a handle belongs to; undefined: it is somebody else's. */
export function ownPoolOf(executor: QueryExecutor): Kysely<DB> | undefined {
  return knownOf(executor.adapter).pool
}
