import { sql, type Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import { cursorOf, FEED_START } from './cursor.ts'

/**
 * Finds a place in the feed before all events of an instant and later. Events stand in the order of their transactions, which
 * is nearly that of time: one that stayed open for more than an hour may have events before the place.
 *
 * @param since ISO 8601.
 * @returns a cursor; events of up to an hour before the instant may come after it.
 */
export async function cursorBefore(db: Kysely<DB>, since: string): Promise<string> {
  const from = Date.parse(since) - ORDER_MS
  let [low, high] = [0n, (await lastTransaction(db)) + 1n]
  while (low < high) {
    const middle = (low + high) / 2n
    const event = await firstOf(db, middle)
    if (event === undefined || Date.parse(event.at) >= from) high = middle
    else low = BigInt(event.transaction_id) + 1n
  }
  return low === 0n ? FEED_START : cursorOf({ transaction: String(low - 1n), id: MAX_ID })
}

/** For so long, in milliseconds, transactions may be open without their events being out of order. */
const ORDER_MS = 3_600_000

const MAX_ID = '9223372036854775807'

async function lastTransaction(db: Kysely<DB>): Promise<bigint> {
  const event = await db
    .selectFrom('enrollment_events')
    .select('transaction_id')
    .orderBy('transaction_id', 'desc')
    .limit(1)
    .executeTakeFirst()
  return BigInt(event?.transaction_id ?? 0)
}

/** The first event of a transaction and those after it. */
function firstOf(db: Kysely<DB>, transaction: bigint) {
  return db
    .selectFrom('enrollment_events')
    .select(['transaction_id', 'at'])
    .where(sql<boolean>`transaction_id >= ${String(transaction)}::text::xid8`)
    .orderBy('transaction_id')
    .orderBy('id')
    .limit(1)
    .executeTakeFirst()
}

/**
 * Finds the place in the feed that so many events come after.
 *
 * @returns a cursor; the start where there are fewer.
 */
export async function cursorOfLast(db: Kysely<DB>, count: number): Promise<string> {
  const event = await db
    .selectFrom('enrollment_events')
    .select(['transaction_id', 'id'])
    .orderBy('transaction_id', 'desc')
    .orderBy('id', 'desc')
    .offset(count)
    .limit(1)
    .executeTakeFirst()
  return event === undefined ? FEED_START : cursorOf({ transaction: event.transaction_id, id: event.id })
}
