import { CompiledQuery, type Kysely, type Transaction } from 'kysely'
import type { DB } from '../database/schema.ts'
import { FEED_START } from './cursor.ts'

/** How far a consumer has come in the feed. */
export interface Checkpoint {
  /** The cursor to continue after. */
  readonly cursor: string
}

/** Reads where a consumer is; the start of the feed for one that has no checkpoint yet. */
export async function readCheckpoint(db: Kysely<DB>, consumer: string): Promise<Checkpoint> {
  const row = await db
    .selectFrom('feed_checkpoints')
    .select('cursor')
    .where('consumer', '=', consumer)
    .executeTakeFirst()
  return { cursor: row?.cursor ?? FEED_START }
}

/**
 * Locks the checkpoint of a consumer until the transaction ends, so that one transaction at a time consumes. The first one
 * makes the checkpoint, at the start of the feed.
 *
 * @returns where the consumer is; null: another transaction has the lock. Nobody waits for it.
 */
export async function lockCheckpoint(trx: Transaction<DB>, consumer: string, now: Date): Promise<Checkpoint | null> {
  const checkpoint = await lock(trx, consumer)
  if (checkpoint !== null) return checkpoint
  await trx
    .insertInto('feed_checkpoints')
    .values({ consumer, cursor: null, updated: now.toISOString() })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  return lock(trx, consumer)
}

/** Moves the checkpoint of a consumer, which the transaction has locked. */
export async function moveCheckpoint(
  trx: Transaction<DB>,
  consumer: string,
  { cursor, now }: { readonly cursor: string; readonly now: Date },
): Promise<void> {
  await trx
    .updateTable('feed_checkpoints')
    .set({ cursor, updated: now.toISOString() })
    .where('consumer', '=', consumer)
    .execute()
}

async function lock(trx: Transaction<DB>, consumer: string): Promise<Checkpoint | null> {
  const { rows } = await trx.executeQuery<{ cursor: string | null }>(CompiledQuery.raw(LOCK, [consumer]))
  const [row] = rows
  return row === undefined ? null : { cursor: row.cursor ?? FEED_START }
}

const LOCK = `/* event.lockCheckpoint */
select cursor from feed_checkpoints where consumer = $1::text for no key update skip locked`
