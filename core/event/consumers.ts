import { CompiledQuery, type Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import { readWebhookStatuses } from '../webhook/status.ts'
import { FEED_START, positionOf } from './cursor.ts'

/** How a consumer of the feed stands (events.md §5). */
export interface ConsumerStatus {
  /** As operators know it: `enterprise`, `event-bus`, `webhook:<id>`. */
  name: string
  /** The last event that it has consumed; null: none. */
  cursor: string | null
  /** Events that it has not consumed, those included that a running transaction holds back; beyond 10 000 an estimate. */
  lagEvents: number
  /** The age of the oldest of them. */
  lagSeconds: number
  /** What it failed with when it tried last; null: it did not fail. */
  lastError: string | null
}

export interface Lag {
  events: number
  seconds: number
}

/** Checkpoints that say nothing by themselves. */
const HIDDEN = ['webhooks']

/** Reads how every consumer stands, whichever process it runs in: by name, and the endpoints of webhooks after the others. */
export async function readConsumers(db: Kysely<DB>, now: Date): Promise<ConsumerStatus[]> {
  const checkpoints = await db
    .selectFrom('feed_checkpoints')
    .select(['consumer', 'cursor', 'last_error'])
    .where('consumer', 'not in', HIDDEN)
    // What is no part of this feed, and has places of its own: `event-bus.enterprise`.
    .where('consumer', 'not like', '%.%')
    .orderBy('consumer')
    .execute()
  const statuses: ConsumerStatus[] = []
  for (const { consumer, cursor, last_error: lastError } of checkpoints) {
    const { events, seconds } = await readLag(db, cursor, now)
    statuses.push({ name: consumer, cursor, lagEvents: events, lagSeconds: seconds, lastError })
  }
  statuses.push(...(await readWebhookStatuses(db, now, (cursor) => readLag(db, cursor, now))))
  return statuses
}

/**
 * Reads how far a place in the feed is behind its newest event. However far that is, it takes a few milliseconds.
 *
 * @param cursor null: the start.
 */
export async function readLag(db: Kysely<DB>, cursor: string | null, now: Date): Promise<Lag> {
  const { transaction, id } = positionOf(cursor ?? FEED_START)
  const { rows } = await db.executeQuery<LagRow>(CompiledQuery.raw(LAG, [transaction, id]))
  const { events, oldest = null } = rows[0] ?? { events: '0' }
  if (oldest === null) return { events: 0, seconds: 0 }
  return { events: Number(events), seconds: Math.max(0, (now.getTime() - Date.parse(oldest)) / 1_000) }
}

interface LagRow {
  readonly events: string
  readonly oldest: string | null
}

/** So many events are counted one by one; of more the ids say how many they are. */
const MAX_COUNTED = 10_000

const LAG = `/* event.readLag */
with unread as materialized (
  select count(*) as counted from (
    select from enrollment_events v where (v.transaction_id, v.id) > ($1::text::xid8, $2::text::bigint)
    order by v.transaction_id, v.id limit ${MAX_COUNTED}
  ) v
)
select
  case when counted < ${MAX_COUNTED} then counted else greatest(counted,
    (select v.id from enrollment_events v order by v.transaction_id desc, v.id desc limit 1) - $2::text::bigint) end as events,
  (select v.at from enrollment_events v where (v.transaction_id, v.id) > ($1::text::xid8, $2::text::bigint)
    order by v.transaction_id, v.id limit 1) as oldest
from unread`
