import type { Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import { inTransaction } from '../database/transaction.ts'
import type { Policy } from '../policy.ts'
import type { Asked } from './command.ts'
import type { Facts } from './decide.ts'
import { readFacts, type ReadFacts } from './facts.ts'
import { planBatch, type PairPlan, type Plan } from './plan.ts'
import { settle, type RoundResult } from './settle.ts'
import { lockPairs, lockSeats, writeEverything, writePairs } from './write.ts'

/**
 * One round of facts → decide → apply for a list of commands: one read, one write. A transaction is opened only where
 * more than the one write belongs together: seats of a capped course, allowances, attributes.
 *
 * @returns one result per command, in order.
 */
export async function runRound(db: Kysely<DB>, asked: readonly Asked[], policy: Policy): Promise<RoundResult[]> {
  return finishRound(db, asked, policy, await readAndPlan(db, asked, policy))
}

/** What a round is going to do, and what it stands on. */
export interface Planned {
  readonly facts: readonly ReadFacts[]
  readonly plan: Plan
}

/** Writes what was planned a moment ago; seats are counted and decided anew, under the lock of their courses. */
export async function finishRound(
  db: Kysely<DB>,
  asked: readonly Asked[],
  policy: Policy,
  { facts, plan }: Planned,
): Promise<RoundResult[]> {
  const capped = cappedCourses(plan, facts)
  if (capped.length > 0) return inTransaction(db, (trx) => runSeatedRound(trx, asked, policy, capped))
  if (plan.pairs.every(isPlain)) return settle(plan, facts, await writePairs(db, plan.pairs, asked))
  return inTransaction(db, async (trx) => settle(plan, facts, await writeEverything(trx, plan.pairs, asked)))
}

/**
 * Takes beforehand the locks that a round of these commands will need, so that nobody is faster than it. Belongs into a
 * transaction.
 */
export async function lockForRound(trx: Kysely<DB>, asked: readonly Asked[], policy: Policy): Promise<void> {
  const { facts, plan } = await readAndPlan(trx, asked, policy)
  const capped = cappedCourses(plan, facts)
  if (capped.length > 0) await lockSeats(trx, capped)
  await lockPairs(trx, plan.pairs)
}

/** A command that a quick round left alone: it needs a transaction, which should not hold up those that do not. */
export interface Guarded {
  /** Commands with the same guard contend for the same seats; null contends with none. */
  readonly guard: string | null
}

/**
 * A round that opens no transaction: writes what one statement can write, and leaves the rest to a round of its own.
 *
 * @param db the pool.
 */
export async function runQuickRound(
  db: Kysely<DB>,
  asked: readonly Asked[],
  policy: Policy,
): Promise<(RoundResult | Guarded)[]> {
  const { facts, plan } = await readAndPlan(db, asked, policy)
  const guards = guardsOf(plan, facts)
  const plain = plan.pairs.filter((pair) => !guards.has(pair))
  const settled = settle(plan, facts, await writePairs(db, plain, asked))
  return settled.map((result, index) => {
    const pair = plan.pairOf[index]
    const guard = pair ? guards.get(pair) : undefined
    return guard === undefined ? result : { guard }
  })
}

/** @param beforePlanning what has to happen between reading and deciding. */
export async function readAndPlan(
  db: Kysely<DB>,
  asked: readonly Asked[],
  policy: Policy,
  beforePlanning?: Promise<unknown>,
): Promise<Planned> {
  const facts = await readFacts(
    db,
    asked.map(({ command }) => command),
  )
  await beforePlanning
  return { facts, plan: planBatch(asked, facts, policy) }
}

/** Seats are counted under the lock of their courses, so that a course is never oversold. */
async function runSeatedRound(
  trx: Kysely<DB>,
  asked: readonly Asked[],
  policy: Policy,
  courseIds: readonly number[],
): Promise<RoundResult[]> {
  await lockSeats(trx, courseIds)
  const { facts, plan } = await readAndPlan(trx, asked, policy)
  const locked = new Set(courseIds)
  if (cappedCourses(plan, facts).some((id) => !locked.has(id))) return asked.map(() => 'lostRace')
  return settle(plan, facts, await writeEverything(trx, plan.pairs, asked))
}

/** The courses with a limit that the plan writes to. */
function cappedCourses(plan: Plan, facts: readonly Facts[]): number[] {
  const ids = new Set<number>()
  for (const [index, pair] of plan.pairOf.entries()) {
    const course = facts[index]?.course
    if (course && course.maxEnrollments !== null && pair && pair.steps.length > 0) ids.add(course.id)
  }
  return [...ids]
}

function guardsOf(plan: Plan, facts: readonly Facts[]): Map<PairPlan, string | null> {
  const capped = new Set(cappedCourses(plan, facts))
  const guards = new Map<PairPlan, string | null>()
  for (const pair of plan.pairs) {
    // A refusal too: it may stand on a seat that another call of the round has not taken yet.
    if (capped.has(pair.courseId)) guards.set(pair, `seats of ${pair.courseId}`)
    else if (!isPlain(pair)) guards.set(pair, null)
  }
  return guards
}

function isPlain(pair: PairPlan): boolean {
  return pair.claimAllowance === null && pair.attributes === null
}
