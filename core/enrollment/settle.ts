import type { Written } from './apply.ts'
import type { Result } from './command.ts'
import type { ReadFacts } from './facts.ts'
import type { Plan } from './plan.ts'

/** The result of a command, or that another transaction changed its enrollment in between: read and decide again. */
export type RoundResult = Result | 'lostRace'

/** Puts the decisions and what was written together, one result per command. */
export function settle(plan: Plan, facts: readonly ReadFacts[], written: Written): RoundResult[] {
  return plan.decisions.map((decision, index) => {
    const pair = plan.pairOf[index] ?? null
    if (pair !== null && written.lost.has(pair)) return 'lostRace'
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
          userId: String(learner.id),
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
