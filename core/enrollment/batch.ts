import type { Kysely, Transaction } from 'kysely'
import { LOCK_WAIT_MS } from '../database/lock-wait.ts'
import { LOST_RACE } from '../database/retry.ts'
import type { DB } from '../database/schema.ts'
import { inTransaction } from '../database/transaction.ts'
import type { Policy } from '../policy.ts'
import type { BatchItem } from './command.ts'
import { readFacts, type ReadFacts } from './facts.ts'
import { knownCoursesOf } from './known-courses.ts'
import { planBatch, type PairPlan, type Plan } from './plan.ts'
import { toResults, type AttemptResult } from './results.ts'
import { cappedCourses, lockSeats, lockSeatsAndRead } from './seat-locks.ts'
import { noteSeats } from './seat-outlook.ts'
import { writePairsWithCompanions } from './write-companions.ts'
import { lockPairs, writePairs } from './write.ts'

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

/**
 * The same where the facts of some items were found out a moment ago.
 *
 * @param known those facts, by the item.
 */
export async function readMissingAndPlan(
  db: Kysely<DB>,
  items: readonly BatchItem[],
  policy: Policy,
  known: ReadonlyMap<BatchItem, ReadFacts>,
): Promise<PlannedBatch> {
  const missing = items.filter((item) => !known.has(item)).map(({ command }) => command)
  const read = (missing.length > 0 ? await readFacts(db, missing) : []).values()
  const facts = items.flatMap((item) => known.get(item) ?? read.next().value ?? [])
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
  if (capped.size > 0) return attemptUnderSeatLocks(db, items, policy, [...capped.values()])
  if (plan.pairs.every(hasNoCompanions)) {
    return toResults(plan, facts, await writePairs(db, plan.pairs, items, lockWaitOf(db)))
  }
  return inTransaction(db, async (trx, end) =>
    toResults(plan, facts, await writePairsWithCompanions(trx, plan.pairs, items, end)),
  )
}

/** In a transaction its own time-outs hold. */
function lockWaitOf(db: Kysely<DB>): number | undefined {
  return db.isTransaction ? undefined : LOCK_WAIT_MS
}

/**
 * One attempt at a batch whose seats are counted under the lock of their course runs, so that none is ever oversold. In a
 * transaction of its own it is two goes: one locks and reads, one writes and commits.
 *
 * @param courseKeys of the course runs whose seats are locked; where others count theirs too, the race is lost.
 */
export function attemptUnderSeatLocks(
  db: Kysely<DB>,
  items: readonly BatchItem[],
  policy: Policy,
  courseKeys: readonly string[],
): Promise<AttemptResult[]> {
  return inTransaction(db, async (trx, end) => {
    const commands = items.map(({ command }) => command)
    // What a joined transaction has read may be rolled back; our own has changed nothing of what is remembered.
    const known = end.isOwn ? knownCoursesOf(db) : null
    const { facts, locked } = await lockSeatsAndRead(trx, courseKeys, commands, known)
    const plan = planBatch(items, facts, policy)
    if ([...cappedCourses(plan, facts).keys()].some((id) => !locked.has(id))) return items.map(() => LOST_RACE)
    const results = toResults(plan, facts, await writePairsWithCompanions(trx, plan.pairs, items, end))
    if (end.isOwn) noteSeats(db, courseKeys, results)
    return results
  })
}

/** Takes beforehand the locks that a batch of these items will need, so that nobody is faster than it. */
export async function lockForBatch(trx: Transaction<DB>, items: readonly BatchItem[], policy: Policy): Promise<void> {
  const { facts, plan } = await readAndPlan(trx, items, policy)
  const capped = cappedCourses(plan, facts)
  if (capped.size > 0) await lockSeats(trx, [...capped.values()])
  await lockPairs(trx, plan.pairs)
}

/** An item that was left alone: it needs a transaction, which should not hold up those that do not. */
export interface NeedsTransaction {
  /** The key of the course run for whose seats it contends; null: for none. */
  readonly contendsFor: string | null
}

export interface WithoutTransactionOptions {
  /** How long its write waits for rows that somebody holds. */
  readonly lockWaitMs: number
  /** What was found out a moment ago, see {@link readMissingAndPlan}. */
  readonly known?: ReadonlyMap<BatchItem, ReadFacts>
}

const NOTHING_KNOWN: ReadonlyMap<BatchItem, ReadFacts> = new Map()

/**
 * An attempt that opens no transaction: it writes what one statement can write, and leaves the rest to an attempt of its own.
 *
 * @param db the pool.
 */
export async function attemptWithoutTransaction(
  db: Kysely<DB>,
  items: readonly BatchItem[],
  policy: Policy,
  { lockWaitMs, known = NOTHING_KNOWN }: WithoutTransactionOptions,
): Promise<(AttemptResult | NeedsTransaction)[]> {
  const { facts, plan } = await readMissingAndPlan(db, items, policy, known)
  const left = pairsThatNeedTransaction(plan, facts)
  const written = plan.pairs.filter((pair) => !left.has(pair))
  const results = toResults(plan, facts, await writePairs(db, written, items, lockWaitMs))
  return results.map((result, index) => {
    const pair = plan.pairOf[index]
    const contendsFor = pair ? left.get(pair) : undefined
    return contendsFor === undefined ? result : { contendsFor }
  })
}

function pairsThatNeedTransaction(plan: Plan, facts: readonly ReadFacts[]): Map<PairPlan, string | null> {
  const capped = cappedCourses(plan, facts)
  const left = new Map<PairPlan, string | null>()
  for (const pair of plan.pairs) {
    // A refusal too: it may have been decided on a seat that another item of the batch has not taken yet.
    const courseKey = capped.get(pair.courseId)
    if (courseKey !== undefined) left.set(pair, courseKey)
    else if (!hasNoCompanions(pair)) left.set(pair, null)
  }
  return left
}

/** Whether nothing is written beside the enrollment and its events. */
function hasNoCompanions(pair: PairPlan): boolean {
  return pair.claimAllowance === null && pair.attributes === null
}
