import type { Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import type { Policy } from '../policy.ts'
import { attemptBatch, readAndPlan, writePlanned, type PlannedBatch } from './batch.ts'
import type { BatchItem, Result } from './command.ts'
import { enrollMany } from './enroll.ts'
import type { AttemptResult } from './results.ts'

/** Enrolls a batch as if after the ones that were given before it. */
export type EnrollInOrder = (db: Kysely<DB>, items: readonly BatchItem[], policy: Policy) => Promise<Result[]>

/** The pairs of learner and course run that a batch may change; null: also seats, which other pairs depend on. */
export type Reach = ReadonlySet<string> | null

/** A batch on its way, as the next one sees it. */
interface BatchAhead {
  /** Known once it is planned, or has failed. Never rejects. */
  readonly reach: Promise<Reach>
  /** It has its results, or has failed. Never rejects. */
  readonly ended: Promise<unknown>
}

const NO_BATCH: BatchAhead = { reach: Promise.resolve(new Set<string>()), ended: Promise.resolve() }

/**
 * Makes a pipeline of batches whose results equal those of the same batches one after another, while two of them run at the
 * same time: one is read and decided while the one before it is written. A batch whose decisions depend
 * on what the one before it changes waits for its end and reads again.
 *
 * @returns a function like {@link enrollMany} for the pool, to be called in the order of the batches.
 */
export function createOrderedPipeline(): EnrollInOrder {
  let last = NO_BATCH
  let lastButOne = NO_BATCH
  return (db, items, policy) => {
    const [ahead, farAhead] = [last, lastButOne]
    const { promise: reach, resolve: tellReach } = Promise.withResolvers<Reach>()
    const results = farAhead.ended.then(() =>
      enrollMany(db, items, policy, (...attempt) => attemptBehind(ahead, tellReach, ...attempt)),
    )
    lastButOne = last
    last = { reach, ended: endOf(results, tellReach) }
    return results
  }
}

async function endOf(results: Promise<unknown>, tellReach: (reach: Reach) => void): Promise<void> {
  try {
    await results
  } catch {
    // The caller of the batch gets the error.
  } finally {
    tellReach(null) // Without effect, unless the first attempt ended before it was planned.
  }
}

async function attemptBehind(
  ahead: BatchAhead,
  tellReach: (reach: Reach) => void,
  ...[db, items, policy]: Parameters<typeof attemptBatch>
): Promise<AttemptResult[]> {
  const planned = await readAndPlan(db, items, policy, ahead.reach)
  const reach = reachOf(planned)
  tellReach(reach)
  if (areApart(await ahead.reach, reach)) return writePlanned(db, items, policy, planned)
  await ahead.ended
  return attemptBatch(db, items, policy)
}

/** What a batch may change. */
export function reachOf({ facts, plan }: PlannedBatch): Reach {
  if (facts.some(({ course }) => course !== null && course.maxEnrollments !== null)) return null
  return new Set(plan.pairs.map(({ learnerId, courseId }) => `${learnerId}:${courseId}`))
}

/** Whether what one batch changes makes no difference to the decisions of the other. */
export function areApart(ahead: Reach, behind: Reach): boolean {
  return ahead?.size === 0 || (ahead !== null && behind !== null && ahead.isDisjointFrom(behind))
}
