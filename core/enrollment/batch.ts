import type { Kysely, Transaction } from 'kysely'
import { isLockTimeout } from '../database/failure.ts'
import { LOCK_WAIT_MS } from '../database/lock-wait.ts'
import { LOST_RACE, type LostRace } from '../database/retry.ts'
import type { DB } from '../database/schema.ts'
import { inTransaction } from '../database/transaction.ts'
import type { Policy } from '../policy.ts'
import type { BatchItem, Result } from './command.ts'
import type { Facts } from './decide.ts'
import { readFacts, type ReadFacts } from './facts.ts'
import { planBatch, type PairPlan, type Plan } from './plan.ts'
import { lockPairs, lockSeats, writePairs, writePairsWithCompanions, type Written } from './write.ts'

/** The result of an item, or that another transaction changed its enrollment in between: read and decide again. */
export type AttemptResult = Result | LostRace

/**
 * One attempt at a batch: facts → decide → apply, with one read and one write. A transaction is opened only where more than
 * the one write belongs together: seats of a capped course run, allowances, attributes.
 *
 * @returns one result per item, in order.
 */
export async function attemptBatch(
  db: Kysely<DB>,
  items: readonly BatchItem[],
  policy: Policy,
): Promise<AttemptResult[]> {
  return writePlanned(db, items, policy, await readAndPlan(db, items, policy))
}

/** What a batch is going to do, and the facts that it was decided on. */
export interface PlannedBatch {
  readonly facts: readonly ReadFacts[]
  readonly plan: Plan
}

/** @param beforePlanning what has to happen between reading and deciding. */
export async function readAndPlan(
  db: Kysely<DB>,
  items: readonly BatchItem[],
  policy: Policy,
  beforePlanning?: Promise<unknown>,
): Promise<PlannedBatch> {
  const facts = await readFacts(
    db,
    items.map(({ command }) => command),
  )
  await beforePlanning
  return { facts, plan: planBatch(items, facts, policy) }
}

/** Writes what was planned a moment ago; seats are counted and decided anew, under the lock of their course runs. */
export async function writePlanned(
  db: Kysely<DB>,
  items: readonly BatchItem[],
  policy: Policy,
  { facts, plan }: PlannedBatch,
): Promise<AttemptResult[]> {
  const capped = cappedCourses(plan, facts)
  if (capped.length > 0) return inTransaction(db, (trx) => attemptUnderSeatLocks(trx, items, policy, capped))
  if (plan.pairs.every(hasNoCompanions)) {
    return toResults(plan, facts, await writePairs(db, plan.pairs, items, lockWaitOf(db)))
  }
  return inTransaction(db, async (trx) =>
    toResults(plan, facts, await writePairsWithCompanions(trx, plan.pairs, items)),
  )
}

/** In a transaction its own time-outs hold. */
function lockWaitOf(db: Kysely<DB>): number | undefined {
  return db.isTransaction ? undefined : LOCK_WAIT_MS
}

/** Seats are counted under the lock of their course runs, so that none is ever oversold. */
async function attemptUnderSeatLocks(
  trx: Transaction<DB>,
  items: readonly BatchItem[],
  policy: Policy,
  courseIds: readonly number[],
): Promise<AttemptResult[]> {
  await lockSeatsOf(trx, courseIds)
  const { facts, plan } = await readAndPlan(trx, items, policy)
  const locked = new Set(courseIds)
  if (cappedCourses(plan, facts).some((id) => !locked.has(id))) return items.map(() => LOST_RACE)
  return toResults(plan, facts, await writePairsWithCompanions(trx, plan.pairs, items))
}

async function lockSeatsOf(trx: Transaction<DB>, courseIds: readonly number[]): Promise<void> {
  try {
    await lockSeats(trx, courseIds)
  } catch (error) {
    const [id] = courseIds
    throw isLockTimeout(error) && courseIds.length === 1 ? new SeatsHeld(seatsKey(id), { cause: error }) : error
  }
}

/** Somebody holds the seats of a course run for longer than a statement may wait. */
export class SeatsHeld extends Error {
  override readonly name = 'SeatsHeld'
  /** What those contend for who need these seats, see {@link NeedsTransaction}. */
  readonly seats: string

  constructor(seats: string, options: { cause: unknown }) {
    super(`Somebody holds the ${seats}`, options)
    this.seats = seats
  }
}

export function isSeatsHeld(error: unknown): error is SeatsHeld {
  return error instanceof SeatsHeld
}

function seatsKey(courseId: number | undefined): string {
  return `seats of ${courseId}`
}

/** Takes beforehand the locks that a batch of these items will need, so that nobody is faster than it. */
export async function lockForBatch(trx: Transaction<DB>, items: readonly BatchItem[], policy: Policy): Promise<void> {
  const { facts, plan } = await readAndPlan(trx, items, policy)
  const capped = cappedCourses(plan, facts)
  if (capped.length > 0) await lockSeats(trx, capped)
  await lockPairs(trx, plan.pairs)
}

/** An item that was left alone: it needs a transaction, which should not hold up those that do not. */
export interface NeedsTransaction {
  /** Items with the same key contend for the same seats; null contends with none. */
  readonly contendsFor: string | null
}

/**
 * An attempt that opens no transaction: it writes what one statement can write, and leaves the rest to an attempt of its own.
 *
 * @param db the pool.
 */
export async function attemptWithoutTransaction(
  db: Kysely<DB>,
  items: readonly BatchItem[],
  policy: Policy,
  lockWaitMs = LOCK_WAIT_MS,
): Promise<(AttemptResult | NeedsTransaction)[]> {
  const { facts, plan } = await readAndPlan(db, items, policy)
  const left = pairsThatNeedTransaction(plan, facts)
  const written = plan.pairs.filter((pair) => !left.has(pair))
  const results = toResults(plan, facts, await writePairs(db, written, items, lockWaitMs))
  return results.map((result, index) => {
    const pair = plan.pairOf[index]
    const contendsFor = pair ? left.get(pair) : undefined
    return contendsFor === undefined ? result : { contendsFor }
  })
}

function pairsThatNeedTransaction(plan: Plan, facts: readonly Facts[]): Map<PairPlan, string | null> {
  const capped = new Set(cappedCourses(plan, facts))
  const left = new Map<PairPlan, string | null>()
  for (const pair of plan.pairs) {
    // A refusal too: it may have been decided on a seat that another item of the batch has not taken yet.
    if (capped.has(pair.courseId)) left.set(pair, seatsKey(pair.courseId))
    else if (!hasNoCompanions(pair)) left.set(pair, null)
  }
  return left
}

/** The course runs with a limit in which the plan writes. */
function cappedCourses(plan: Plan, facts: readonly Facts[]): number[] {
  const ids = new Set<number>()
  for (const [index, pair] of plan.pairOf.entries()) {
    const course = facts[index]?.course
    if (course && course.maxEnrollments !== null && pair && pair.steps.length > 0) ids.add(course.id)
  }
  return [...ids]
}

/** Whether nothing is written beside the enrollment and its events. */
function hasNoCompanions(pair: PairPlan): boolean {
  return pair.claimAllowance === null && pair.attributes === null
}

/** Puts the decisions and what was written together, one result per item. */
function toResults(plan: Plan, facts: readonly ReadFacts[], written: Written): AttemptResult[] {
  return plan.decisions.map((decision, index) => {
    const pair = plan.pairOf[index] ?? null
    if (pair !== null && written.lost.has(pair)) return LOST_RACE
    if (!decision.ok) return { ok: false, error: decision.error }
    const state = plan.states[index]
    const { learner, course, courseKey } = facts[index] ?? {}
    if (!state || !learner || !course || !courseKey || !pair) {
      throw new RangeError('A decision without an error has its facts')
    }
    const before = plan.before[index] ?? null
    return {
      ok: true,
      course,
      outcome: {
        kind: decision.kind,
        enrollment: {
          id: pair.enrollmentId ?? written.enrollmentIds.get(pair) ?? '',
          version: state.version,
          userId: String(learner.userId),
          username: learner.username,
          courseId: courseKey.stored,
          mode: state.mode,
          isActive: state.isActive,
          created: state.created,
          updated: state.updated,
        },
        before: before && { mode: before.mode, isActive: before.isActive },
        eventId: decision.kind === 'unchanged' ? null : (written.eventIds.get(index) ?? null),
      },
    }
  })
}
