import { CompiledQuery, type Kysely, type Transaction } from 'kysely'
import type { DB } from '../database/schema.ts'
import { FEED_START } from './cursor.ts'

/** How far a consumer has come in the feed. */
export interface Checkpoint {
  /** The cursor to continue after. */
  readonly cursor: string
  /** Whether the consumer failed when it tried last. */
  readonly hasFailed: boolean
}

/**
 * Reads where a consumer is; one that has no checkpoint gets one, at the start of the feed.
 *
 * @param db a pool: in a transaction, others would wait for the end of it to make the same checkpoint.
 */
export async function openCheckpoint(db: Kysely<DB>, consumer: string, now: Date): Promise<Checkpoint> {
  const row = await db
    .selectFrom('feed_checkpoints')
    .select(['cursor', 'failed_at'])
    .where('consumer', '=', consumer)
    .executeTakeFirst()
  if (row !== undefined) return { cursor: row.cursor ?? FEED_START, hasFailed: row.failed_at !== null }
  await db
    .insertInto('feed_checkpoints')
    .values({ consumer, cursor: null, updated: now.toISOString() })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  return { cursor: FEED_START, hasFailed: false }
}

/**
 * Locks the checkpoint of a consumer until the transaction ends, so that one transaction at a time consumes.
 *
 * @returns where the consumer is; null: another transaction has the lock, or there is no checkpoint. Nobody waits for it.
 */
export async function lockCheckpoint(trx: Transaction<DB>, consumer: string): Promise<Checkpoint | null> {
  const { rows } = await trx.executeQuery<LockedRow>(CompiledQuery.raw(LOCK, [consumer]))
  const [row] = rows
  return row === undefined ? null : { cursor: row.cursor ?? FEED_START, hasFailed: row.has_failed }
}

interface LockedRow {
  readonly cursor: string | null
  readonly has_failed: boolean
}

const LOCK = `/* event.lockCheckpoint */
select cursor, failed_at is not null as has_failed from feed_checkpoints where consumer = $1::text for no key update skip locked`

/** Moves the checkpoint of a consumer, which the transaction has locked: it has not failed. */
export async function moveCheckpoint(
  trx: Transaction<DB>,
  consumer: string,
  { cursor, now }: { readonly cursor: string; readonly now: Date },
): Promise<void> {
  await trx
    .updateTable('feed_checkpoints')
    .set({ cursor, updated: now.toISOString(), last_error: null, failed_at: null })
    .where('consumer', '=', consumer)
    .execute()
}

/** Characters of an error that are kept. */
const MAX_ERROR = 500

/**
 * Keeps what a consumer failed with, for all who look at it; or, with null, that it has not failed.
 *
 * @param db a pool: the transaction in which it failed is rolled back.
 */
export async function noteFailure(db: Kysely<DB>, consumer: string, error: unknown, now: Date): Promise<void> {
  const text = error === null ? null : wordsOf(error)
  await db
    .updateTable('feed_checkpoints')
    .set({ last_error: text, failed_at: text === null ? null : now.toISOString() })
    .where('consumer', '=', consumer)
    .execute()
}

/** The first line of an error. PostgreSQL keeps no zero bytes. */
function wordsOf(error: unknown): string {
  const words = error instanceof Error ? error.message || error.name : String(error)
  return words.replaceAll('\0', ' ').split('\n', 1).join('').slice(0, MAX_ERROR).toWellFormed()
}
