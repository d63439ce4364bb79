import { CompiledQuery, type Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import { positionOf, type FeedPosition } from './cursor.ts'

/** How far the feed can be read. */
export interface FeedEnd {
  /** The last event that is shown: all before it are committed or never will be. Null: none is shown. */
  readonly last: FeedPosition | null
  /** The oldest transaction that runs, where it keeps events from being shown that are committed; otherwise null. */
  readonly heldBy: string | null
}

interface EndRow {
  readonly is_known: boolean
  readonly last: string | null
  readonly held_by: string | null
}

/**
 * Reads how far the feed can be read: to the events of transactions that ended before every transaction still running. What
 * is read later, up to there, is complete (decision 20).
 */
export async function readFeedEnd(db: Kysely<DB>): Promise<FeedEnd> {
  const { is_known: isKnown, last, held_by: heldBy } = (await readRow(db, null)) ?? NOTHING
  if (isKnown) return { last: last === null ? null : positionOf(last), heldBy }
  // Only until the first events of a cluster have been written after a restart, or as long as older transactions run.
  const { rows } = await db.executeQuery<{ offset: string }>(CompiledQuery.raw(EARLIER_OFFSET))
  const row = (await readRow(db, rows[0]?.offset ?? '0')) ?? NOTHING
  return { last: row.last === null ? null : positionOf(row.last), heldBy: row.held_by }
}

const NOTHING: EndRow = { is_known: true, last: null, held_by: null }

async function readRow(db: Kysely<DB>, earlierOffset: string | null): Promise<EndRow | undefined> {
  const { rows } = await db.executeQuery<EndRow>(CompiledQuery.raw(END, [earlierOffset]))
  return rows[0]
}

const EARLIER_OFFSET = '/* event.earlierOffset */ select feed_earlier_offset() as offset'

// The snapshot of the statement is taken before it runs, and so before feed_horizon looks which epoch has begun.
const END = `/* event.readEnd */
with running as materialized (
  select pg_snapshot_xmin(s) as oldest, pg_snapshot_xmin(s) < pg_snapshot_xmax(s) as is_any
  from pg_current_snapshot() s
), feed as materialized (
  select oldest, is_any, feed_horizon(oldest, $1::bigint) as horizon from running
)
select horizon is not null as is_known,
  (select concat(v.transaction_id, '-', v.id) from enrollment_events v where v.transaction_id < horizon
    order by v.transaction_id desc, v.id desc limit 1) as last,
  case when is_any and horizon <=
    (select v.transaction_id from enrollment_events v order by v.transaction_id desc, v.id desc limit 1)
    then oldest::text end as held_by
from feed`
