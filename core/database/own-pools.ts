import type { Kysely, QueryExecutor } from 'kysely'
import { perObject } from './per-pool.ts'
import type { DB } from './schema.ts'

/** By its adapter, which all handles of a pool share, those of its connections and transactions included. */
const knownOf = perObject((_adapter: object): { pool?: Kysely<DB> } => ({}))

/** Remembers a pool that `openDatabase` opened. */
export function rememberOwnPool(pool: Kysely<DB>): Kysely<DB> {
  knownOf(pool.getExecutor().adapter).pool = pool
  return pool
}

/** The pool of ours that a handle belongs to; undefined: it is somebody else's. */
export function ownPoolOf(executor: QueryExecutor): Kysely<DB> | undefined {
  return knownOf(executor.adapter).pool
}
