import { sql, type Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import { inTransaction } from '../database/transaction.ts'
import type { Policy } from '../policy.ts'
import { claimAllowances, replaceAttributes, writeChanges, type Written } from './apply.ts'
import type { Asked, Enrollment, EnrollmentState, Result } from './command.ts'
import type { Facts } from './decide.ts'
import { readFacts } from './facts.ts'
import { planBatch, type PairPlan, type Plan } from './plan.ts'

/** The result of a command, or that another transaction changed its enrollment in between: read and decide again. */
export type RoundResult = Result | 'lostRace'

/**
 * One round of facts → decide → apply for a list of commands: one read, one write. A transaction is opened only where
 * more than the one write belongs together: seats of a capped course, allowances, attributes.
 *
 * @returns one result per command, in order.
 */
export async function runRound(db: Kysely<DB>, asked: readonly Asked[], policy: Policy): Promise<RoundResult[]> {
  const facts = await readFacts(db, asked.map(({ command }) => command))
  const plan = planBatch(asked, facts, policy)
  const capped = cappedCourses(plan, facts)
  if (capped.length > 0) return inTransaction(db, (trx) => runSeatedRound(trx, asked, policy, capped))
  if (isPlain(plan)) return settle(plan, facts, asked, await writePairs(db, plan.pairs, asked))
  return inTransaction(db, async (trx) => settle(plan, facts, asked, await writeEverything(trx, plan.pairs, asked)))
}

/** Seats are counted under the lock of their courses, so that a course is never oversold. */
async function runSeatedRound(
  trx: Kysely<DB>,
  asked: readonly Asked[],
  policy: Policy,
  courseIds: readonly number[],
): Promise<RoundResult[]> {
  await lockSeats(trx, courseIds)
  const facts = await readFacts(trx, asked.map(({ command }) => command))
  const plan = planBatch(asked, facts, policy)
  const locked = new Set(courseIds)
  if (cappedCourses(plan, facts).some((id) => !locked.has(id))) return asked.map(() => 'lostRace')
  return settle(plan, facts, asked, await writeEverything(trx, plan.pairs, asked))
}

/** The courses with a limit that the plan writes to, in the order of their locks. */
function cappedCourses(plan: Plan, facts: readonly Facts[]): number[] {
  const ids = new Set<number>()
  for (const [index, pair] of plan.pairOf.entries()) {
    const course = facts[index]?.course
    if (course && course.maxEnrollments !== null && pair !== null && pair.steps.length > 0) ids.add(course.id)
  }
  return [...ids].sort((a, b) => a - b)
}

/**
 * Locks the seats of courses in a fixed order. The write makes a transaction that runs on an older snapshot
 * (REPEATABLE READ, SERIALIZABLE) fail instead of counting seats that were taken since.
 */
async function lockSeats(trx: Kysely<DB>, courseIds: readonly number[]): Promise<void> {
  await sql`with seat as materialized (
    select id from courses where id = any (${courseIds}::integer[]) order by id for no key update
  ) update courses c set seat_lock = (c.seat_lock + 1) % 1000000 from seat where c.id = seat.id`.execute(trx)
}

function isPlain(plan: Plan): boolean {
  return plan.pairs.every((pair) => pair.claimAllowance === null && pair.attributes === null)
}

type WrittenPairs = ReadonlyMap<PairPlan, Written | 'lostRace'>

async function writeEverything(
  trx: Kysely<DB>,
  pairs: readonly PairPlan[],
  asked: readonly Asked[],
): Promise<WrittenPairs> {
  const claimed = await claim(trx, pairs)
  const kept = pairs.filter((pair) => pair.claimAllowance === null || claimed.has(pair.claimAllowance))
  const untouched = await lockUntouched(trx, kept)
  const written = new Map([...(await writePairs(trx, kept, asked)), ...untouched])
  const attributed = kept.flatMap((pair) => {
    const row = written.get(pair)
    if (pair.attributes === null || row === undefined || row === 'lostRace') return []
    return [{ enrollmentId: row.enrollmentId, attributes: pair.attributes }]
  })
  if (attributed.length > 0) await replaceAttributes(trx, attributed)
  for (const pair of pairs) if (!kept.includes(pair)) written.set(pair, 'lostRace')
  return written
}

async function claim(trx: Kysely<DB>, pairs: readonly PairPlan[]): Promise<Set<number>> {
  const claims = pairs.flatMap((pair) =>
    pair.claimAllowance === null ? [] : [{ allowanceId: pair.claimAllowance, learnerId: pair.learnerId }],
  )
  return claims.length > 0 ? claimAllowances(trx, claims) : new Set()
}

/** Holds the rows of enrollments whose attributes change while they themselves do not. */
async function lockUntouched(trx: Kysely<DB>, pairs: readonly PairPlan[]): Promise<WrittenPairs> {
  const held = pairs.filter((pair) => pair.attributes !== null && pair.steps.length === 0)
  if (held.length === 0) return new Map()
  const { rows } = await sql<{ id: string; version: number }>`
    select id, version from enrollments where id = any (${held.map((pair) => pair.read?.id)}::bigint[])
    order by course_id, learner_id for no key update`.execute(trx)
  const versions = new Map(rows.map((row) => [row.id, row.version]))
  return new Map(
    held.map((pair) => {
      const { id, version } = pair.read ?? {}
      const same = typeof id === 'string' && versions.get(id) === version
      return [pair, same ? { enrollmentId: id, eventIds: [] } : 'lostRace']
    }),
  )
}

/** Writes the pairs that have steps; those missing in the answer lost a race. */
async function writePairs(
  db: Kysely<DB>,
  pairs: readonly PairPlan[],
  asked: readonly Asked[],
): Promise<Map<PairPlan, Written | 'lostRace'>> {
  const changed = pairs.filter((pair) => pair.steps.length > 0)
  if (changed.length === 0) return new Map()
  const written = await writeChanges(db, changed, (index) => {
    const stamp = asked[index]?.stamp
    if (stamp === undefined) throw new RangeError('Each step belongs to a command')
    return stamp
  })
  return new Map(changed.map((pair) => [pair, written.get(pair) ?? 'lostRace']))
}

/** Puts the decisions and what was written together, one result per command. */
function settle(plan: Plan, facts: readonly Facts[], asked: readonly Asked[], written: WrittenPairs): RoundResult[] {
  return asked.map((_, index) => {
    const decision = plan.decisions[index]
    const pair = plan.pairOf[index] ?? null
    const row = pair === null ? undefined : written.get(pair)
    if (decision === undefined || row === 'lostRace') return 'lostRace'
    if (!decision.ok) return { ok: false, error: decision.error }
    const state = plan.states[index]
    const fact = facts[index]
    const id = row?.enrollmentId ?? state?.id
    if (!state || !fact?.learner || !fact.courseKey || id === undefined || id === null) return 'lostRace'
    const before = plan.before[index] ?? null
    const step = pair?.steps.findIndex((candidate) => candidate.index === index) ?? -1
    return {
      ok: true,
      outcome: {
        kind: decision.kind,
        enrollment: enrollmentOf(id, state, fact.learner, fact.courseKey.stored),
        before: before && { mode: before.mode, isActive: before.isActive },
        eventId: step === -1 ? null : (row?.eventIds[step] ?? null),
      },
    }
  })
}

function enrollmentOf(
  id: string,
  state: EnrollmentState,
  learner: { id: number; username: string },
  courseId: string,
): Enrollment {
  return {
    id,
    version: state.version,
    userId: String(learner.id),
    username: learner.username,
    courseId,
    mode: state.mode,
    isActive: state.isActive,
    created: state.created,
    updated: state.updated,
  }
}
