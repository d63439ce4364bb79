import { failure } from '../../core/errors.ts'
import { isCreated, type DoneRow, type RefusedRow, type RowIdentity, type RowOutcome } from './answer.ts'
import { isRetryable, refusal, refusalFrom, type Refusal } from './refusal.ts'
import type { Notes } from './notes.ts'
import type { Person } from './resolve-learners.ts'
import type { AskedRow, UnreadyRow } from './prepare.ts'
import type { EnrolledRow, RowResult, WaitingRow } from './result.ts'

/** The outcome of a row that came to a result. */
export function outcomeOf(result: RowResult, notes: Notes): RowOutcome {
  if (result.is === 'refused') return unreadyOutcome({ ...result.row, refusal: result.refusal })
  return result.is === 'enrolled' ? enrolledOutcome(result, notes) : waitingOutcome(result, notes)
}

/** The outcome of a row that is refused for what it says. */
export function unreadyOutcome({ refusal, person, ...asked }: UnreadyRow): RefusedRow {
  return refused(identityOf(asked, person), refusal)
}

/** The outcome of a row that the database did not come to, or in which it found a contradiction again and again. */
export function undoneOutcome(asked: AskedRow, code: 'busy' | 'conflict'): RefusedRow {
  return refused(identityOf(asked, null), refusal(code, {}))
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

function enrolledOutcome({ row, outcome, fulfilment }: EnrolledRow, { overCapacity, warnings }: Notes): DoneRow {
  const { kind, enrollment, before, eventId } = outcome
  return {
    ...identityOf(row, row.person),
    courseId: enrollment.courseId,
    ok: true,
    // The house deactivates nothing that it is asked to make active.
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

function waitingOutcome({ row, decision }: WaitingRow, { warnings }: Notes): DoneRow {
  return {
    ...identityOf(row, row.person),
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

function identityOf({ index, order }: AskedRow, person: Person | null): RowIdentity {
  const { ref, email, courseId } = order
  return {
    index,
    ...(ref !== undefined && { ref }),
    userId: person?.is === 'account' ? String(person.id) : null,
    email: person === null ? (email ?? null) : person.email,
    courseId,
  }
}

function refused(identity: RowIdentity, { code, message, details }: Refusal): RefusedRow {
  return { ...identity, ok: false, kind: 'refused', code, message, details, retryable: isRetryable(code) }
}
