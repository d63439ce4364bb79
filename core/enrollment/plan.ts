import { instantFromDate } from '../database/instant.ts'
import type { Policy } from '../policy.ts'
import type { Attribute } from './attributes.ts'
import type { BatchItem, ChangeKind, EnrollmentCommand, EnrollmentState } from './command.ts'
import { decide, type Decision, type Facts } from './decide.ts'
import type { ReadFacts } from './facts.ts'

/** One change of one enrollment, which leaves one event. */
export interface Step {
  /** Of the command. */
  readonly index: number
  readonly kind: ChangeKind
  readonly version: number
  readonly before: { readonly mode: string; readonly isActive: boolean } | null
  readonly after: { readonly mode: string; readonly isActive: boolean }
  readonly reason: string | null
  readonly enterpriseUuid: string | null
  /** ISO 8601. */
  readonly at: string
}

/** All that a batch does to one pair of learner and course run. */
export interface PairPlan {
  /** Null for a new enrollment: it gets its id when it is written. */
  readonly enrollmentId: string | null
  readonly learnerId: number
  readonly courseId: number
  /** The commands of the pair, as indexes of the batch. */
  readonly indexes: number[]
  /** The enrollment as it was read; null: there is none yet. */
  readonly read: EnrollmentState | null
  /** The enrollment after all commands so far. */
  state: EnrollmentState | null
  readonly steps: Step[]
  /** The id of the allowance that the learner uses now. */
  claimAllowance: number | null
  /** What replaces the attributes of the enrollment; null leaves them. */
  attributes: readonly Attribute[] | null
}

export interface Plan {
  readonly decisions: readonly Decision[]
  /** For each command the enrollment as the command left it; null where it was refused. */
  readonly states: readonly (EnrollmentState | null)[]
  readonly before: readonly (EnrollmentState | null)[]
  readonly pairs: readonly PairPlan[]
  /** The pair of each command; null where learner or course is unknown. */
  readonly pairOf: readonly (PairPlan | null)[]
}

/**
 * Decides the commands of a batch one after another, each seeing what those before it did: the same enrollment, the
 * seats of its course, the claim of its allowance. So a batch equals its items in order by construction, duplicates of
 * a pair included, and still costs one read and one write. Pure.
 *
 * @param facts what was read for each command, in order.
 */
export function planBatch(items: readonly BatchItem[], facts: readonly ReadFacts[], policy: Policy): Plan {
  const pairs: PairPlan[] = []
  const pairOfBoth = pairFinder(pairs)
  const instantOf = instantOnce()
  const seats = new Map<number, number>()
  const decisions: Decision[] = []
  const states: (EnrollmentState | null)[] = []
  const before: (EnrollmentState | null)[] = []
  const pairOf: (PairPlan | null)[] = []

  for (const [index, { command, metadata }] of items.entries()) {
    const read = facts[index]
    if (read === undefined) throw new RangeError('Each command needs its facts')
    const pair = pairOfBoth(read, index)
    const decision = decide(command, current(read, pair, seats), policy, metadata.now)
    decisions.push(decision)
    before.push(pair?.state ?? null)
    pairOf.push(pair)
    if (!decision.ok || pair === null || read.course === null) {
      states.push(null)
      continue
    }
    advance(pair, command, decision, index, read, instantOf(metadata.now))
    if (decision.seats !== 0) {
      seats.set(read.course.id, (seats.get(read.course.id) ?? read.seatsTaken) + decision.seats)
    }
    states.push(pair.state)
  }
  return { decisions, states, before, pairs, pairOf }
}

/** Finds the pair of a command, and adds it to `pairs` where it is the first of its learner and course run. */
function pairFinder(pairs: PairPlan[]): (facts: ReadFacts, index: number) => PairPlan | null {
  const byCourse = new Map<number, Map<number, PairPlan>>()
  return ({ learner, course, enrollment, enrollmentId }, index) => {
    if (learner === null || course === null) return null
    const byLearner = byCourse.get(course.id) ?? new Map<number, PairPlan>()
    byCourse.set(course.id, byLearner)
    const existing = byLearner.get(learner.id)
    if (existing) {
      existing.indexes.push(index)
      return existing
    }
    const pair = startPair({ learnerId: learner.id, courseId: course.id, enrollmentId, enrollment })
    pair.indexes.push(index)
    byLearner.set(learner.id, pair)
    pairs.push(pair)
    return pair
  }
}

/** The plan of a pair to which nothing has been done yet. */
export function startPair(stored: {
  readonly learnerId: number
  readonly courseId: number
  readonly enrollmentId: string | null
  readonly enrollment: EnrollmentState | null
}): PairPlan {
  const { learnerId, courseId, enrollmentId, enrollment } = stored
  return {
    enrollmentId,
    learnerId,
    courseId,
    indexes: [],
    read: enrollment,
    state: enrollment,
    steps: [],
    claimAllowance: null,
    attributes: null,
  }
}

/** The commands of a batch have one instant, or few. */
function instantOnce(): (date: Date) => string {
  let last: { milliseconds: number; text: string } | undefined
  return (date) => {
    const milliseconds = date.getTime()
    if (last?.milliseconds !== milliseconds) last = { milliseconds, text: instantFromDate(date) }
    return last.text
  }
}

/** The facts as they stand after the commands before this one. */
function current(read: ReadFacts, pair: PairPlan | null, seats: Map<number, number>): Facts {
  if (pair === null || read.course === null) return read
  if (pair.state === read.enrollment && seats.size === 0 && pair.claimAllowance === null) return read
  const claimed = pair.claimAllowance !== null && read.allowance !== null && read.learner !== null
  return {
    ...read,
    enrollment: pair.state,
    seatsTaken: seats.get(read.course.id) ?? read.seatsTaken,
    allowance: claimed ? { id: read.allowance.id, claimedBy: read.learner.id } : read.allowance,
  }
}

function advance(
  pair: PairPlan,
  command: EnrollmentCommand,
  decision: Extract<Decision, { ok: true }>,
  index: number,
  facts: ReadFacts,
  at: string,
): void {
  if (decision.claimsAllowance && facts.allowance !== null) pair.claimAllowance = facts.allowance.id
  if (decision.attributes !== null) pair.attributes = decision.attributes
  const { kind, after, enterpriseUuid } = decision
  if (kind !== 'unchanged') changeEnrollment(pair, { index, kind, after, reason: command.reason, enterpriseUuid, at })
}

/** Adds one change to the plan of a pair: its event, and the enrollment as it is afterwards. */
export function changeEnrollment(pair: PairPlan, change: Omit<Step, 'version' | 'before'>): void {
  const { state } = pair
  const version = (state?.version ?? 0) + 1
  pair.steps.push({ ...change, version, before: state && { mode: state.mode, isActive: state.isActive } })
  pair.state = { version, ...change.after, created: state?.created ?? change.at, updated: change.at }
}
