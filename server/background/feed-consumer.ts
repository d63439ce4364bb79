import type { Kysely, Transaction } from 'kysely'
import { retryOnSerializationFailure } from '../../core/database/retry.ts'
import { inTransaction } from '../../core/database/transaction.ts'
import type { DB } from '../../core/database/schema.ts'
import { lockCheckpoint, moveCheckpoint, noteFailure, openCheckpoint } from '../../core/event/checkpoint.ts'
import type { EnrollmentEvent } from '../../core/event/event.ts'
import { isAfter, positionOf, type FeedPosition } from '../../core/event/cursor.ts'
import { readFeedEnd } from '../../core/event/end.ts'
import { readRelayed } from '../../core/event/read.ts'

/** Somebody who does something in the database for each change of an enrollment, whichever API it came through. */
export interface FeedConsumer {
  /** Names its checkpoint: never changes, and no other consumer has it. */
  readonly name: string
  /**
   * Does what follows from events, in the transaction that also moves the checkpoint: both are kept or neither. What it
   * throws is told to the log, and the same events come again later.
   *
   * @param events in the order of the feed; each comes once, and none is left out but those of what happened before the data
   *   came here (adoption.md §1).
   */
  apply(trx: Transaction<DB>, events: readonly EnrollmentEvent[]): Promise<unknown>
  /**
   * What fails of that which it has left to others, e.g. to be sent; told beside its checkpoint as its own failures are. Null:
   * nothing.
   */
  readonly failing?: ((db: Kysely<DB>) => Promise<string | null>) | undefined
  /** Milliseconds after which it looks by itself when nothing is new, without being woken; 1 000 unless given. */
  readonly intervalMs?: number | undefined
}

export interface ConsumeOptions {
  /** The most events, 1 to 1 000; 1 000 unless given. */
  readonly limit?: number | undefined
  readonly now?: (() => Date) | undefined
}

/**
 * Lets a consumer apply the events after its checkpoint, and moves the checkpoint. Any number of processes may do so: one of
 * them at a time consumes, and the others find nothing to do.
 *
 * @param db a pool.
 * @returns how many events were applied; zero: there is nothing new, or another process is at it.
 * @throws what the consumer threw; `EnrollmentError` `unavailable` after too many serialization conflicts. Nothing was
 *   done then, and the error is kept beside the checkpoint until the consumer succeeds (events.md §5).
 */
export async function consumeFeed(
  db: Kysely<DB>,
  consumer: FeedConsumer,
  { limit = MAX_EVENTS, now = () => new Date() }: ConsumeOptions = {},
): Promise<number> {
  try {
    return await consumeNext(db, consumer, { limit, now })
  } catch (error) {
    await noteFailure(db, consumer.name, error, now()).catch(() => {})
    throw error
  }
}

/** Events of one transaction. */
export const MAX_EVENTS = 1_000

async function consumeNext(
  db: Kysely<DB>,
  consumer: FeedConsumer,
  { limit, now }: { limit: number; now: () => Date },
): Promise<number> {
  // A look that locks nothing: most of the time nothing has happened.
  const { cursor: after, hasFailed } = await openCheckpoint(db, consumer.name, now())
  const { last } = await readFeedEnd(db)
  if (last === null || !isAfter(last, positionOf(after))) {
    const failing = (await consumer.failing?.(db)) ?? null
    if (hasFailed || failing !== null) await noteFailure(db, consumer.name, failing, now())
    return 0
  }
  for (;;) {
    const { applied, isMore } = await retryOnSerializationFailure(db, () =>
      inTransaction(db, (trx) => consume(trx, consumer, { through: last, limit, now: now() })),
    )
    if (applied > 0 || !isMore) return applied
  }
}

/** Whether there is more in the range although nothing of this part of it had to be applied. */
interface Consumed {
  readonly applied: number
  readonly isMore: boolean
}

const NOTHING: Consumed = { applied: 0, isMore: false }

async function consume(
  trx: Transaction<DB>,
  consumer: FeedConsumer,
  { through, limit, now }: { through: FeedPosition; limit: number; now: Date },
): Promise<Consumed> {
  const checkpoint = await lockCheckpoint(trx, consumer.name)
  if (checkpoint === null || !isAfter(through, positionOf(checkpoint.cursor))) return NOTHING
  const { events, cursor } = await readRelayed(trx, { after: positionOf(checkpoint.cursor), through }, limit)
  if (events.length > 0) await consumer.apply(trx, events)
  await moveCheckpoint(trx, consumer.name, { cursor, now })
  return { applied: events.length, isMore: isAfter(through, positionOf(cursor)) }
}
