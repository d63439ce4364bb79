import type { Kysely } from 'kysely'
import { isSerializationFailure } from '../database/failure.ts'
import type { DB } from '../database/schema.ts'
import { undoable } from '../database/transaction.ts'
import { EnrollmentError, failure } from '../errors.ts'
import type { Policy } from '../policy.ts'
import type { Asked, Carried, EnrollmentCommand, Outcome, Result, Stamp } from './command.ts'
import { enrollGathered } from './gather.ts'
import { lockForRound, runRound } from './round.ts'
import type { RoundResult } from './settle.ts'

/** How often a lost race is read and decided again before the call gives up. */
const MAX_ATTEMPTS = 8

/**
 * Carries out one command. On the pool it shares its round with others that are asked at the same time; its result is
 * its own, and comes after the commit.
 *
 * @param db the pool, or the caller's transaction: then everything happens inside it, at once.
 * @throws {EnrollmentError} when a rule says no; a transaction stays usable.
 */
export async function enroll(
  db: Kysely<DB>,
  command: EnrollmentCommand,
  stamp: Stamp,
  policy: Policy,
): Promise<Outcome> {
  return (await enrollInCourse(db, command, stamp, policy)).outcome
}

/** The same for who shows the course run beside the enrollment: it was read anyway. */
export async function enrollInCourse(
  db: Kysely<DB>,
  command: EnrollmentCommand,
  stamp: Stamp,
  policy: Policy,
): Promise<Carried> {
  const asked = { command, stamp }
  const result = db.isTransaction ? await enrollAlone(db, asked, policy) : await enrollGathered(db, asked, policy)
  if (!result.ok) throw new EnrollmentError(result.error)
  return result
}

async function enrollAlone(db: Kysely<DB>, asked: Asked, policy: Policy): Promise<Result> {
  const [result] = await enrollMany(db, [asked], policy)
  if (result === undefined) throw new RangeError('One command has one result')
  return result
}

/**
 * Carries out a batch of commands, each for itself: the good ones are kept. The results and what is written equal those
 * of the commands one after another; the number of statements does not depend on the number of commands.
 *
 * @param firstRound carries out the first attempt.
 * @returns one result per command, in order.
 */
export async function enrollMany(
  db: Kysely<DB>,
  asked: readonly Asked[],
  policy: Policy,
  firstRound: typeof runRound = runRound,
): Promise<Result[]> {
  const results: RoundResult[] = asked.map(() => 'lostRace')
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const open = results.flatMap((result, index) => (result === 'lostRace' ? [index] : []))
    if (open.length === 0) break
    const round = await attemptRound(
      db,
      open.flatMap((index) => asked[index] ?? []),
      policy,
      attempt === 0 ? firstRound : runRound,
    )
    for (const [position, index] of open.entries()) results[index] = round[position] ?? 'lostRace'
  }
  return results.map((result) => (result === 'lostRace' ? { ok: false, error: failure('unavailable', {}) } : result))
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
 */
export async function enrollWhole(
  db: Kysely<DB>,
  asked: readonly Asked[],
  policy: Policy,
  options: WholeBatchOptions,
): Promise<WholeBatch> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const whole = await attemptWhole(db, asked, policy, { ...options, lockFirst: attempt > 0 })
    if (whole !== 'lostRace') return whole
  }
  throw new EnrollmentError(failure('unavailable', {}))
}

async function attemptWhole(
  db: Kysely<DB>,
  asked: readonly Asked[],
  policy: Policy,
  { strict, dryRun, lockFirst }: WholeBatchOptions & { readonly lockFirst: boolean },
): Promise<WholeBatch | 'lostRace'> {
  try {
    return await undoable<WholeBatch | 'lostRace'>(db, async (trx) => {
      if (lockFirst) await lockForRound(trx, asked, policy)
      const round = await runRound(trx, asked, policy)
      const results = round.filter((result) => result !== 'lostRace')
      if (results.length < round.length) return { keep: false, value: 'lostRace' }
      if (strict && results.some((result) => !result.ok)) {
        return { keep: false, value: { results: results.map(notAttempted), kept: false } }
      }
      return { keep: !dryRun, value: { results, kept: !dryRun } }
    })
  } catch (error) {
    if (isTieToRepeat(db, error)) return 'lostRace'
    throw error
  }
}

function notAttempted(result: Result): Result {
  return result.ok ? { ok: false, error: failure('notAttempted', {}) } : result
}

async function attemptRound(
  db: Kysely<DB>,
  asked: readonly Asked[],
  policy: Policy,
  run: typeof runRound,
): Promise<RoundResult[]> {
  try {
    return await run(db, asked, policy)
  } catch (error) {
    if (isTieToRepeat(db, error)) return asked.map(() => 'lostRace')
    throw error
  }
}

/**
 * On the pool a tie that the database broke is one more lost race. In a joined transaction it is its owner's to repeat: the
 * snapshot stays too old, and the locks that the other one waits for may be the owner's.
 */
function isTieToRepeat(db: Kysely<DB>, error: unknown): boolean {
  return !db.isTransaction && isSerializationFailure(error)
}
