import { sql, type Transaction } from 'kysely'
import type { DB } from '../database/schema.ts'
import { positionOf, FEED_START, type FeedPosition } from '../event/cursor.ts'
import { readFeedEnd } from '../event/end.ts'

/**
 * The place in the feed at which an endpoint begins that is made or enabled now: all before it is committed. What is committed
 * after it already is skipped by {@link skipCommitted}.
 */
export async function readBeginning(trx: Transaction<DB>): Promise<FeedPosition> {
  const { last } = await readFeedEnd(trx)
  return last ?? positionOf(FEED_START)
}

/**
 * Notes which events after the beginning of an endpoint are committed by now: those of transactions that are in the feed after
 * one which still runs. What the endpoint is sent begins with the events that commit later (events.md §3).
 */
export async function skipCommitted(trx: Transaction<DB>, webhookId: string, beginning: FeedPosition): Promise<void> {
  const { transaction, id } = beginning
  await sql`insert into webhook_skipped_events (webhook_id, event_id)
    select ${webhookId}::uuid, v.id from enrollment_events v
    where (v.transaction_id, v.id) > (${transaction}::xid8, ${id}::bigint)
    on conflict do nothing`.execute(trx)
}
