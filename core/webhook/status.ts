import { CompiledQuery, type Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import { cursorOf, FEED_START, isAfter, laterPosition, positionOf, type FeedPosition } from '../event/cursor.ts'
import type { ConsumerStatus, Lag } from '../event/consumers.ts'
import { WEBHOOKS_CONSUMER } from './fan-out.ts'

interface StatusRow {
  readonly id: string
  readonly state: string
  readonly disabled_because: string | null
  readonly last_error: string | null
  readonly begins_transaction: string
  readonly begins_id: string
  readonly pending: number
  /** The first event that is still to be delivered. */
  readonly first_transaction: string | null
  readonly first_id: string | null
  readonly first_at: string | null
}

/** Where the work for all endpoints is in the feed, and what it failed with. */
interface FanOutState {
  readonly position: FeedPosition
  readonly lastError: string | null
}

/**
 * Reads how every endpoint stands (events.md §5): the place in the feed up to which all is delivered or dead, and what is behind
 * it. Of one that is disabled nothing is behind.
 *
 * @param readUnread reads what lies after a place in the feed.
 */
export async function readWebhookStatuses(
  db: Kysely<DB>,
  now: Date,
  readUnread: (cursor: string) => Promise<Lag>,
): Promise<ConsumerStatus[]> {
  const { rows } = await db.executeQuery<StatusRow>(CompiledQuery.raw(STATUSES))
  const enabled = rows.filter(({ state }) => state === 'enabled').map(beginningOf)
  const fanOut = await readFanOut(db)
  // Before all of them begin, nothing is for them.
  const first = enabled.toSorted((one, other) => (isAfter(one, other) ? 1 : -1))[0]
  const unread =
    first === undefined ? { events: 0, seconds: 0 } : await readUnread(cursorOf(laterPosition(first, fanOut.position)))
  return rows.map((row) => statusOf(row, fanOut, unread, now))
}

function beginningOf({ begins_transaction: transaction, begins_id: id }: StatusRow): FeedPosition {
  return { transaction, id }
}

async function readFanOut(db: Kysely<DB>): Promise<FanOutState> {
  const row = await db
    .selectFrom('feed_checkpoints')
    .select(['cursor', 'last_error'])
    .where('consumer', '=', WEBHOOKS_CONSUMER)
    .executeTakeFirst()
  return { position: positionOf(row?.cursor ?? FEED_START), lastError: row?.last_error ?? null }
}

function statusOf(row: StatusRow, fanOut: FanOutState, unread: Lag, now: Date): ConsumerStatus {
  const name = `webhook:${row.id}`
  const cursor = cursorOf(positionIn(row, fanOut.position))
  if (row.state === 'disabled') {
    return { name, cursor, lagEvents: 0, lagSeconds: 0, lastError: row.last_error ?? 'The endpoint is disabled' }
  }
  const age = row.first_at === null ? 0 : (now.getTime() - Date.parse(row.first_at)) / 1_000
  return {
    name,
    cursor,
    lagEvents: row.pending + unread.events,
    lagSeconds: Math.max(0, age, unread.seconds),
    lastError: row.last_error ?? fanOut.lastError,
  }
}

/** Right before what is still to be delivered; otherwise as far as deliveries were made. */
function positionIn(row: StatusRow, fanOut: FeedPosition): FeedPosition {
  const { first_transaction: transaction, first_id: id } = row
  if (transaction !== null && id !== null) return { transaction, id: String(BigInt(id) - 1n) }
  return laterPosition(beginningOf(row), fanOut)
}

const STATUSES = `/* webhook.readStatuses */
select w.id, w.state, w.disabled_because, w.last_error, w.begins_transaction, w.begins_id, p.pending::integer as pending,
  f.transaction_id as first_transaction, f.event_id as first_id, f.at as first_at
from webhooks w
cross join lateral (
  select count(*) as pending from (
    select from webhook_deliveries d where d.webhook_id = w.id and d.state = 'pending' limit 10000
  ) d
) p
left join lateral (
  select d.transaction_id, d.event_id, v.at from webhook_deliveries d
  join enrollment_events v on v.transaction_id = d.transaction_id and v.id = d.event_id
  where d.webhook_id = w.id and d.state = 'pending'
  order by d.transaction_id, d.event_id limit 1
) f on true
order by w.created, w.id`
