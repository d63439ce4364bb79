import type { CourseKey } from '../course/key.ts'
import { LOST_RACE, type LostRace } from '../database/retry.ts'
import type { OutcomeKind, OutcomeWithCourse, Result } from './command.ts'
import type { LearnerFacts } from './decide.ts'
import type { ReadFacts } from './facts.ts'
import type { Plan } from './plan.ts'
import type { Written } from './write.ts'

/** The result of an item, or that another transaction changed its enrollment in between: read and decide again. */
export type AttemptResult = Result | LostRace

/** Puts the decisions and what was written together, one result per item. */
export function toResults(plan: Plan, facts: readonly ReadFacts[], written: Written): AttemptResult[] {
  return plan.decisions.map((decision, index) => {
    const pair = plan.pairOf[index] ?? null
    if (pair !== null && written.lost.has(pair)) return LOST_RACE
    if (!decision.ok) return { ok: false, error: decision.error }
    const { learner, course, courseKey } = facts[index] ?? {}
    if (!learner || !course || !courseKey || !pair) throw new RangeError('A decision without an error has its facts')
    const enrollmentId = pair.enrollmentId ?? written.enrollmentIds.get(pair) ?? ''
    const eventId = written.eventIds.get(index) ?? null
    return resultOf(plan, index, { kind: decision.kind, learner, course, courseKey, enrollmentId, eventId })
  })
}

/** What is told of an item beside the plan of its batch. */
export interface ResultParts extends Pick<OutcomeWithCourse, 'course'> {
  readonly kind: OutcomeKind
  readonly courseKey: CourseKey
  readonly learner: Pick<LearnerFacts, 'userId' | 'username'>
  readonly enrollmentId: string
  /** Of the event; without one where nothing was changed. */
  readonly eventId: string | null
}

/** The result of an item that no rule refused. */
export function resultOf(
  { states, before }: Plan,
  index: number,
  { kind, learner, course, courseKey, enrollmentId, eventId }: ResultParts,
): Result {
  const state = states[index]
  if (!state) throw new RangeError('A decision without an error has a state')
  const previous = before[index] ?? null
  return {
    ok: true,
    course,
    outcome: {
      kind,
      enrollment: {
        id: enrollmentId,
        version: state.version,
        userId: String(learner.userId),
        username: learner.username,
        courseId: courseKey.stored,
        mode: state.mode,
        isActive: state.isActive,
        created: state.created,
        updated: state.updated,
      },
      before: previous && { mode: previous.mode, isActive: previous.isActive },
      eventId: kind === 'unchanged' ? null : eventId,
    },
  }
}
