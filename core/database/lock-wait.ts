import { sql, type Kysely, type Transaction } from 'kysely'
import { boundsOf } from './deadline.ts'
import { perPool } from './per-pool.ts'
import type { DB } from './schema.ts'

// Whoever waits for a lock has a connection that others need, and a place among the batches that others share. So on a pool
// nobody waits for long: a statement that does not get its locks within a moment fails, its connection goes back, and it is
// tried again a little later, as long as a call may wait for locks at all.

/** Milliseconds that a statement of a pool waits for each of its locks. */
export const LOCK_WAIT_MS = 100

/**
 * Waiting for locks without a connection: pauses become longer, and are of chance. Two that hold up each other would meet again
 * after equal ones, until neither may wait any more.
 */
export interface LockPatience {
  /** Milliseconds to pause before the next try; null: the time is over. */
  nextPauseMs(): number | null
}

/**
 * The time begins with the first pause: an attempt that takes long has its locks by then, but for one.
 *
 * @param db a pool.
 */
export function lockPatience(db: Kysely<DB>): LockPatience {
  let until: number | undefined
  let pauseMs = SHORTEST_PAUSE_MS
  return {
    nextPauseMs() {
      until ??= performance.now() + boundsOf(db).lockTimeoutMs
      const left = until - performance.now()
      if (left <= 0) return null
      const pause = Math.min(pauseMs * (0.5 + Math.random() / 2), left)
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
      return pause
    },
  }
}

/** Attempts at a time that are known to need a lock that somebody holds: the rest of the pool is for others. */
const MAX_CONCURRENT_RETRIES = 2

const retriesOf = perPool(() => ({ running: 0, waiting: [] as (() => void)[] }))

/** Runs an attempt that did not get its locks before: few of them have a connection at the same time. */
export async function retryForLock<T>(db: Kysely<DB>, attempt: () => Promise<T>): Promise<T> {
  const retries = retriesOf(db)
  if (retries.running >= MAX_CONCURRENT_RETRIES) await new Promise<void>((begin) => retries.waiting.push(begin))
  else retries.running += 1
  try {
    return await attempt()
  } finally {
    const next = retries.waiting.shift()
    if (next === undefined) retries.running -= 1
    else next()
  }
}

const SHORTEST_PAUSE_MS = 10
const LONGEST_PAUSE_MS = 250

/** Begins a transaction of our own, whose statements wait for their locks only for a moment. */
export const BEGIN_BRIEFLY = `begin isolation level read committed; set local lock_timeout = ${LOCK_WAIT_MS}`

/** The same for one that has begun. */
export async function waitBriefly<Tables>(trx: Transaction<Tables>): Promise<void> {
  await sql`/* lockWait.set */ select set_config('lock_timeout', ${String(LOCK_WAIT_MS)}, true)`.execute(trx)
}

/** Takes that back, for work that cannot be begun again: its statements wait for locks as long as calls on the pool may. */
export async function waitPatiently<Tables>(trx: Transaction<Tables>, pool: Kysely<DB>): Promise<void> {
  const { lockTimeoutMs } = boundsOf(pool)
  const timeout = Number.isFinite(lockTimeoutMs) ? String(lockTimeoutMs) : '0'
  await sql`select set_config('lock_timeout', ${timeout}, true)`.execute(trx)
}

/**
 * SQL: the part of a statement that bounds the time for which it waits for each lock; it holds for its own transaction alone. It is
 * done where a later part reads from `lock_wait`.
 *
 * @param parameter the number of the parameter that says how many milliseconds.
 */
export function lockWait(parameter: number): string {
  return `lock_wait as materialized (select set_config('lock_timeout', $${parameter}::text, true))`
}
