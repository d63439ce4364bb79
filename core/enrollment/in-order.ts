import type { Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import type { Policy } from '../policy.ts'
import type { Asked, Result } from './command.ts'
import { enrollMany } from './enroll.ts'
import { finishRound, readAndPlan, runRound, type Planned } from './round.ts'
import type { RoundResult } from './settle.ts'

/** Carries out a batch behind the ones that were given before it. */
export type EnrollInOrder = (db: Kysely<DB>, asked: readonly Asked[], policy: Policy) => Promise<Result[]>

/** The pairs of learner and course run that a batch may change; null: seats as well, which are everybody's. */
type Reach = ReadonlySet<string> | null

/** A batch on its way, as the next one sees it. */
interface Ahead {
  /** Known once it is planned, or has failed. Never rejects. */
  readonly reach: Promise<Reach>
  /** It has its results, or has failed. Never rejects. */
  readonly ended: Promise<unknown>
}

const NOBODY: Ahead = { reach: Promise.resolve(new Set<string>()), ended: Promise.resolve() }

/**
 * Makes a line of batches whose results equal those of the same batches one after another, while two of them run at the
 * same time: one is read and decided while the one before it is written. A batch that finds that the one before it changes
 * something that it stands on waits for its end and reads again.
 *
 * @returns a function like {@link enrollMany} for the pool, to be called in the order of the batches.
 */
export function createLine(): EnrollInOrder {
  let last = NOBODY
  let lastButOne = NOBODY
  return (db, asked, policy) => {
    const [ahead, farAhead] = [last, lastButOne]
    const { promise: reach, resolve: tell } = Promise.withResolvers<Reach>()
    const results = farAhead.ended.then(() =>
      enrollMany(db, asked, policy, (...round) => runBehind(ahead, tell, ...round)),
    )
    lastButOne = last
    last = { reach, ended: endOf(results, tell) }
    return results
  }
}

async function endOf(results: Promise<unknown>, tell: (reach: Reach) => void): Promise<void> {
  try {
    await results
  } catch {
    // Told to whoever asked for it.
  } finally {
    tell(null) // Its first round may have ended before it could.
  }
}

async function runBehind(
  ahead: Ahead,
  tell: (reach: Reach) => void,
  ...[db, asked, policy]: Parameters<typeof runRound>
): Promise<RoundResult[]> {
  const planned = await readAndPlan(db, asked, policy, ahead.reach)
  const reach = reachOf(planned)
  tell(reach)
  if (areApart(await ahead.reach, reach)) return finishRound(db, asked, policy, planned)
  await ahead.ended
  return runRound(db, asked, policy)
}

function reachOf({ facts, plan }: Planned): Reach {
  if (facts.some(({ course }) => course !== null && course.maxEnrollments !== null)) return null
  return new Set(plan.pairs.map(({ learnerId, courseId }) => `${learnerId}:${courseId}`))
}

function areApart(ahead: Reach, behind: Reach): boolean {
  return ahead?.size === 0 || (ahead !== null && behind !== null && ahead.isDisjointFrom(behind))
}
