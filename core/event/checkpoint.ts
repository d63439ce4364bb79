import { CompiledQuery, type Kysely, type Transaction } from 'kysely'
import type { DB } from '../database/schema.ts'
import { FEED_START } from './cursor.ts'

/** How far a consumer has come in the feed. */
export interface Checkpoint {
  /** The cursor to continue after. */
  readonly cursor: string
}

/**
 * Reads where a consumer is; one that has no checkpoint gets one, at the start of the feed.
 *
 * @param db a pool: in a transaction, others would wait for the end of it to make the same checkpoint.
 */
export async function openCheckpoint(db: Kysely<DB>, consumer: string, now: Date): Promise<Checkpoint> {
  const row = await db
    .selectFrom('feed_checkpoints')
    .select('cursor')
    .where('consumer', '=', consumer)
    .executeTakeFirst()
  if (row !== undefined) return { cursor: row.cursor ?? FEED_START }
  await db
    .insertInto('feed_checkpoints')
    .values({ consumer, cursor: null, updated: now.toISOString() })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  return { cursor: FEED_START }
}

/**
 * Locks the checkpoint of a consumer until the transaction ends, so that one transaction at a time consumes.
 *
 * @returns where the consumer is; null: another transaction has the lock, or there is no checkpoint. Nobody waits for it.
 */
export async function lockCheckpoint(trx: Transaction<DB>, consumer: string): Promise<Checkpoint | null> {
  const { rows } = await trx.executeQuery<{ cursor: string | null }>(CompiledQuery.raw(LOCK, [consumer]))
  const [row] = rows
  return row === undefined ? null : { cursor: row.cursor ?? FEED_START }
}

const LOCK = `/* event.lockCheckpoint */
select cursor from feed_checkpoints where consumer = $1::text for no key update skip locked`

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
