import type { Kysely } from 'kysely'
import { attemptRepeatedly, LOST_RACE, retryOnSerializationFailure, type LostRace } from '../database/retry.ts'
import { isLockTimeout } from '../database/failure.ts'
import type { DB } from '../database/schema.ts'
import { withSavepoint } from '../database/transaction.ts'
import { EnrollmentError, failure } from '../errors.ts'
import type { Policy } from '../policy.ts'
import { attemptBatchAhead } from './attempt-ahead.ts'
import { attemptBatch, lockForBatch } from './batch.ts'
import { enrollCoalesced } from './coalesce.ts'
import type { BatchItem, CallMetadata, EnrollmentCommand, Outcome, OutcomeWithCourse, Result } from './command.ts'
import { tellDecided } from './observer.ts'
import type { AttemptResult } from './results.ts'

/**
 * Carries out one command. On the pool it shares its batch with others that are asked for at the same time; its result is
 * its own, and comes after the commit.
 *
 * @param db the pool, or the caller's transaction: then everything happens inside it, at once.
 * @throws {EnrollmentError} when a rule says no; a transaction stays usable.
 */
export async function enroll(
  db: Kysely<DB>,
  command: EnrollmentCommand,
  metadata: CallMetadata,
  policy: Policy,
): Promise<Outcome> {
  return (await enrollInCourse(db, command, metadata, policy)).outcome
}

/** Like {@link enroll}, but also returns the course run, which was read anyway. */
export async function enrollInCourse(
  db: Kysely<DB>,
  command: EnrollmentCommand,
  metadata: CallMetadata,
  policy: Policy,
): Promise<OutcomeWithCourse> {
  const item = { command, metadata }
  const result = db.isTransaction ? await enrollAlone(db, item, policy) : await enrollCoalesced(db, item, policy)
  if (!result.ok) throw new EnrollmentError(result.error)
  return result
}

async function enrollAlone(db: Kysely<DB>, item: BatchItem, policy: Policy): Promise<Result> {
  const [result] = await enrollMany(db, [item], policy)
  if (result === undefined) throw new RangeError('One command has one result')
  return result
}

/**
 * Carries out a batch of commands, each for itself: the good ones are kept. The results and what is written equal those
 * of the commands one after another; the number of statements does not depend on the number of commands.
 *
 * @param firstAttempt carries out the first attempt.
 * @returns one result per command, in order.
 */
export async function enrollMany(
  db: Kysely<DB>,
  items: readonly BatchItem[],
  policy: Policy,
  firstAttempt: typeof attemptBatch = attemptBatchAhead,
): Promise<Result[]> {
  const results: AttemptResult[] = items.map(() => LOST_RACE)
  const attemptOpen = async (attempt: typeof attemptBatch) => {
    const open = results.flatMap((result, index) => (result === LOST_RACE ? [index] : []))
    const attempted = await attempt(
      db,
      open.flatMap((index) => items[index] ?? []),
      policy,
    )
    for (const [position, index] of open.entries()) results[index] = attempted[position] ?? LOST_RACE
    return results.includes(LOST_RACE) ? LOST_RACE : null
  }
  const cancellation = items[0]?.metadata.cancellation
  const attempts = (number: number) => attemptOpen(number === 0 ? firstAttempt : attemptBatch)
  const { value, cause } = await attemptRepeatedly(db, attempts, cancellation)
  // Somebody still holds a row of it: the others are written without those.
  if (value === LOST_RACE && isLockTimeout(cause) && cancellation?.isCancelled !== true)
    await attemptOpen(attemptAround)
  const decided = results.map((result) => (result === LOST_RACE ? UNAVAILABLE : result))
  tellDecided(db, items, decided)
  return decided
}

const UNAVAILABLE: Result = { ok: false, error: failure('unavailable', {}) }

/** Attempts a batch without the items that need a lock that somebody holds: divides it until these are found. */
async function attemptAround(db: Kysely<DB>, items: readonly BatchItem[], policy: Policy): Promise<AttemptResult[]> {
  try {
    return await attemptBatch(db, items, policy)
  } catch (error) {
    if (!isLockTimeout(error)) throw error
    if (items.length === 1) return [LOST_RACE]
    const middle = Math.ceil(items.length / 2)
    return [
      ...(await attemptAround(db, items.slice(0, middle), policy)),
      ...(await attemptAround(db, items.slice(middle), policy)),
    ]
  }
}

export interface WholeBatchOptions {
  /** Keep everything or nothing. */
  readonly strict: boolean
  /** Keep nothing, whatever comes out. */
  readonly dryRun: boolean
}

export interface WholeBatch {
  results: Result[]
  /** Whether the writes of the batch stay. */
  kept: boolean
}

/**
 * Carries out a batch as a whole: with `strict` nothing is kept when one command fails, and the good ones report
 * `notAttempted`; with `dryRun` nothing is kept in any case. Inside a caller's transaction only the batch is taken back.
 *
 * @returns one result per command, in order, and whether the batch was kept.
 * @throws {EnrollmentError} `unavailable` where others were faster each time.
 */
export async function enrollWhole(
  db: Kysely<DB>,
  items: readonly BatchItem[],
  policy: Policy,
  options: WholeBatchOptions,
): Promise<WholeBatch> {
  const batch = await retryOnSerializationFailure(
    db,
    (number) => attemptWhole(db, items, policy, { ...options, lockFirst: number > 0 }),
    items[0]?.metadata.cancellation,
  )
  if (!options.dryRun) tellDecided(db, items, batch.results)
  return batch
}

async function attemptWhole(
  db: Kysely<DB>,
  items: readonly BatchItem[],
  policy: Policy,
  { strict, dryRun, lockFirst }: WholeBatchOptions & { readonly lockFirst: boolean },
): Promise<WholeBatch | LostRace> {
  return withSavepoint<WholeBatch | LostRace>(db, async (trx) => {
    if (lockFirst) await lockForBatch(trx, items, policy)
    const attempted = await attemptBatch(trx, items, policy)
    const results = attempted.filter((result) => result !== LOST_RACE)
    if (results.length < attempted.length) return { keep: false, value: LOST_RACE }
    if (strict && results.some((result) => !result.ok)) {
      return { keep: false, value: { results: results.map(notAttempted), kept: false } }
    }
    return { keep: !dryRun, value: { results, kept: !dryRun } }
  })
}

function notAttempted(result: Result): Result {
  return result.ok ? { ok: false, error: failure('notAttempted', {}) } : result
}
