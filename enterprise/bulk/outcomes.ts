import { failure } from '../../core/errors.ts'
import type { RowLearner } from '../learner/resolve-learners.ts'
import { isRetryable, refusal, refusalFrom, type Refusal } from '../refusal.ts'
import { isCreated, type DoneRow, type RefusedRow, type RowIdentity, type RowOutcome } from './answer.ts'
import type { RowRemarks } from './remarks.ts'
import type { EnrolledResult, NumberedRow, RejectedRow, RowResult, WaitingResult } from './rows.ts'

/** The outcome of a row that has a result. */
export function outcomeOf(result: RowResult, remarks: RowRemarks): RowOutcome {
  if (result.is === 'refused') return rejectedOutcome({ ...result.row, refusal: result.refusal })
  return result.is === 'enrolled' ? enrolledOutcome(result, remarks) : waitingOutcome(result, remarks)
}

/** The outcome of a row that is refused for what it says. */
export function rejectedOutcome({ refusal, learner, ...row }: RejectedRow): RefusedRow {
  const identity = identityOf(row, learner)
  if (learner.is !== 'account' || learner.shownAs === undefined) return refused(identity, refusal)
  return refused({ ...identity, userId: null, email: learner.shownAs }, refusal)
}

/** The outcome of a row that was not enrolled for lack of the database (`busy`), or that contradicts it (`conflict`). */
export function undoneOutcome(row: NumberedRow, code: 'busy' | 'conflict'): RefusedRow {
  return refused(identityOf(row, null), refusal(code, {}))
}

/** The outcome of a good row that is taken back for the sake of a bad one. */
export function notAttempted(outcome: RowOutcome): RowOutcome {
  if (!outcome.ok) return outcome
  const { index, ref, userId, email, courseId } = outcome
  return refused(
    { index, ...(ref !== undefined && { ref }), userId, email, courseId },
    refusalFrom(failure('notAttempted', {})),
  )
}

function enrolledOutcome(
  { row, outcome, fulfilment }: EnrolledResult,
  { overCapacity, warnings }: RowRemarks,
): DoneRow {
  const { kind, enrollment, before, eventId } = outcome
  return {
    ...identityOf(row, row.learner),
    courseId: enrollment.courseId,
    ok: true,
    // Nothing is deactivated that is asked to be active.
    kind: kind === 'deactivated' ? 'unchanged' : kind,
    created: isCreated(kind),
    before,
    after: { mode: enrollment.mode, isActive: enrollment.isActive },
    enrollmentId: enrollment.id,
    version: enrollment.version,
    fulfilmentId: fulfilment?.uuid ?? null,
    fulfilment: fulfilment?.kind ?? null,
    ...(overCapacity && { overCapacity }),
    warnings,
    events: eventId === null ? [] : [eventId],
  }
}

function waitingOutcome({ row, decision }: WaitingResult, { warnings }: RowRemarks): DoneRow {
  return {
    ...identityOf(row, row.learner),
    courseId: row.courseKey,
    ok: true,
    kind: decision.kind,
    created: isCreated(decision.kind),
    before: null,
    after: null,
    enrollmentId: null,
    version: null,
    fulfilmentId: null,
    fulfilment: null,
    warnings,
    events: [],
  }
}

function identityOf({ index, request }: NumberedRow, learner: RowLearner | null): RowIdentity {
  const { ref, email, courseId } = request
  return {
    index,
    ...(ref !== undefined && { ref }),
    userId: learner?.is === 'account' ? String(learner.userId) : null,
    email: learner === null ? (email ?? null) : learner.email,
    courseId,
  }
}

function refused(identity: RowIdentity, { code, message, details }: Refusal): RefusedRow {
  return { ...identity, ok: false, kind: 'refused', code, message, details, retryable: isRetryable(code) }
}
