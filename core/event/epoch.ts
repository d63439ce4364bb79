import { CompiledQuery, type Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'

/**
 * Makes the place of new events in the feed cheaper to find: it becomes a constant in the plans of the statements that write
 * them, until PostgreSQL starts anew (decision 20). Without it everything works as well. Several processes may call it.
 *
 * @returns whether there is nothing left to do until then; false: no event was written yet, or another process is at it.
 */
export async function settleFeedEpoch(db: Kysely<DB>): Promise<boolean> {
  const { rows } = await db.executeQuery<{ settled: boolean }>(CompiledQuery.raw(IS_SETTLED))
  if (rows[0]?.settled === true) return true
  await db.executeQuery(CompiledQuery.raw(SETTLE))
  return false
}

const IS_SETTLED = '/* event.isEpochSettled */ select feed_settled_offset() is not null as settled'
const SETTLE = 'select feed_settle_epoch()'
