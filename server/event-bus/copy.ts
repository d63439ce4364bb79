import { sql, type Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import { FEED_START } from '../../core/event/cursor.ts'
import type { BusFeed } from './feed.ts'

/** What the database knows of the position of a feed; Redis is right where they differ. */
export interface PositionCopy {
  /** Tells the feed from that of another database on the same Redis. */
  readonly id: string
  /** Where the very first start began. */
  readonly start: string
  /** How far it was sent. */
  readonly cursor: string
}

/**
 * Fixes where a feed begins, unless that is known from an earlier start (events.md §4). Any number of processes may do so.
 *
 * @param from `now`: with what is committed from now on; `beginning`: with all that there is.
 */
export async function fixStart(
  db: Kysely<DB>,
  feed: BusFeed,
  from: 'now' | 'beginning',
  now: Date,
): Promise<PositionCopy> {
  const known = await findCopy(db, feed.name)
  if (known !== undefined) return known
  const start = from === 'beginning' ? FEED_START : await feed.end(db)
  await sql`with begun as (
      insert into event_bus_feeds (name, start_cursor) values (${feed.name}, ${start})
      on conflict (name) do nothing returning name, start_cursor
    )
    insert into feed_checkpoints (consumer, cursor, updated)
    select name, start_cursor, ${now.toISOString()}::timestamptz from begun
    on conflict (consumer) do update set cursor = excluded.cursor, updated = excluded.updated`.execute(db)
  return readCopy(db, feed.name)
}

/** @throws {RangeError} when the start was not fixed. */
export async function readCopy(db: Kysely<DB>, name: string): Promise<PositionCopy> {
  const copy = await findCopy(db, name)
  if (copy === undefined) throw new RangeError(`Where the feed '${name}' begins was not fixed`)
  return copy
}

/** Keeps how far a feed was sent. */
export async function keepCopy(db: Kysely<DB>, name: string, cursor: string, now: Date): Promise<void> {
  await db
    .updateTable('feed_checkpoints')
    .set({ cursor, updated: now.toISOString() })
    .where('consumer', '=', name)
    .execute()
}

function findCopy(db: Kysely<DB>, name: string): Promise<PositionCopy | undefined> {
  return db
    .selectFrom('event_bus_feeds as f')
    .innerJoin('feed_checkpoints as c', 'c.consumer', 'f.name')
    .select(({ ref }) => [
      'f.id',
      'f.start_cursor as start',
      sql<string>`coalesce(${ref('c.cursor')}, ${FEED_START})`.as('cursor'),
    ])
    .where('f.name', '=', name)
    .executeTakeFirst()
}
