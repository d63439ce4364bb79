import type { Enrollment, EnrollmentState, Result } from './command.ts'
import type { Facts } from './decide.ts'
import type { Plan } from './plan.ts'
import type { WrittenPairs } from './write.ts'

/** The result of a command, or that another transaction changed its enrollment in between: read and decide again. */
export type RoundResult = Result | 'lostRace'

/** Puts the decisions and what was written together, one result per command. */
export function settle(plan: Plan, facts: readonly Facts[], written: WrittenPairs): RoundResult[] {
  return plan.decisions.map((decision, index) => {
    const pair = plan.pairOf[index] ?? null
    const events = pair === null ? undefined : written.get(pair)
    if (events === 'lostRace') return 'lostRace'
    if (!decision.ok) return { ok: false, error: decision.error }
    const state = plan.states[index]
    const { learner, courseKey } = facts[index] ?? {}
    if (!state || !learner || !courseKey) throw new RangeError('A decision without an error has its facts')
    const before = plan.before[index] ?? null
    const eventId = decision.kind === 'unchanged' ? null : (events?.get(state.version) ?? null)
    return {
      ok: true,
      outcome: {
        kind: decision.kind,
        enrollment: enrollmentOf(state, learner, courseKey.stored),
        before: before && { mode: before.mode, isActive: before.isActive },
        eventId,
      },
    }
  })
}

function enrollmentOf(state: EnrollmentState, learner: { id: number; username: string }, courseId: string): Enrollment {
  return {
    id: state.id,
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
