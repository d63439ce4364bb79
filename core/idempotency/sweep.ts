import { CompiledQuery, type Kysely } from 'kysely'
import { instantFromDate } from '../database/instant.ts'
import type { DB } from '../database/schema.ts'

/**
 * A key is kept for at least this long: a day (rpc §3.2), and an hour for clocks that differ and for transactions that take
 * long to commit.
 */
export const KEPT_MS = 25 * 60 * 60 * 1000

/** Keys that one statement deletes, at most. */
export const SWEEP_STEP = 1_000

/**
 * Deletes the idempotency keys that have expired, in steps that are short each. Several processes may sweep at once: none
 * waits for another.
 *
 * @param db a pool: each step is kept by itself.
 * @param signal ends the sweep after the step that runs.
 * @returns how many were deleted.
 */
export async function sweepIdempotencyKeys(db: Kysely<DB>, now: Date, signal?: AbortSignal): Promise<number> {
  const expired = instantFromDate(new Date(now.getTime() - KEPT_MS))
  let swept = 0
  while (signal?.aborted !== true) {
    const { numAffectedRows = 0n } = await db.executeQuery(CompiledQuery.raw(SWEEP, [expired, SWEEP_STEP]))
    swept += Number(numAffectedRows)
    if (numAffectedRows < SWEEP_STEP) break
  }
  return swept
}

const SWEEP = `/* idempotency.sweep */
with expired as materialized (
  select scope, actor, key from idempotency_keys
  where created <= $1::timestamptz order by created limit $2::integer
  for update skip locked
)
delete from idempotency_keys k using expired e
where k.scope = e.scope and k.actor = e.actor and k.key = e.key`
