import { inTransaction, retryOnSerializationFailure } from '../../routers/extension.ts'
import { createCaller, type Context } from '../../routers/index.ts'
import type { Transaction } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import type { EnterpriseTables } from '../database/schema.ts'
import { errorFrom } from '../failure.ts'
import { lockPosition, movePosition, readPosition } from './checkpoint.ts'
import { NOTHING_TAKEN_IN, takeIn, type TakenIn } from './apply-events.ts'

/** What a step of the reader did. */
export interface FeedStep extends TakenIn {
  /** How many events were read; zero: there is nothing new, or another process is at it. */
  readonly events: number
}

const NOTHING: FeedStep = { ...NOTHING_TAKEN_IN, events: 0 }

const READER = 'records'

/**
 * Carries out one step of following the feed: changes of enrollments, whichever door they came through, are taken into
 * the records of the customers. How far the reader has come is kept together with what it did; one works at a time.
 *
 * @param options.limit the most events, 1 to 1 000.
 * @throws {EnrollmentError} `unavailable`: nothing was done
 */
export async function followEnrollments(
  { now, ...context }: Context,
  { limit = 1000 }: { limit?: number } = {},
): Promise<FeedStep> {
  const { db } = context
  const at = (now?.() ?? new Date()).toISOString()
  try {
    // A look that locks nothing: most of the time nothing has happened.
    const { cursor: after } = await readPosition(db.$extendTables<EnterpriseTables>(), READER)
    const { events } = await createCaller(context).events.list({ after, limit: 1 })
    if (events.length === 0) return NOTHING
    return await retryOnSerializationFailure(db, () =>
      inTransaction(db, (trx) => consume(trx, { ...context, db: trx }, { limit, at })),
    )
  } catch (error) {
    throw errorFrom(error)
  }
}

async function consume(
  on: Transaction<DB>,
  context: Context,
  { limit, at }: { limit: number; at: string },
): Promise<FeedStep> {
  const trx = on.$extendTables<EnterpriseTables>()
  const position = await lockPosition(trx, READER, at)
  if (position === null) return NOTHING
  const { events, cursor } = await createCaller(context).events.list({ after: position.cursor, limit })
  if (events.length === 0) return NOTHING
  const takenIn = await takeIn(trx, events, at)
  await movePosition(trx, READER, { cursor, at })
  return { ...takenIn, events: events.length }
}
