import type { OutcomeKind } from '../../routers/index.ts'
import { countBy } from '../count-by.ts'
import type { Refusal, Warning } from '../refusal.ts'

/** What `enrollLearners` answers (enterprise C.11). JSON as it stands. */
export interface EnrollLearnersAnswer {
  batchId: string
  /** The one of the context, or else the id of the batch: the events of the enrollments carry it. */
  requestId: string
  /** `replayed`: the answer that was given before under the idempotency key. */
  status: 'applied' | 'planned' | 'rolledBack' | 'replayed'
  /** How many rows there are of each kind and of each code; they add up to the number of rows. */
  counts: Record<string, number>
  /** One for each row of the request, in order. */
  rows: RowOutcome[]
}

export type RowOutcome = DoneRow | RefusedRow

export interface RowIdentity {
  index: number
  ref?: string
  /** Null: the row names no account. */
  userId: string | null
  /** As the account has it; where there is none, as the row was waiting (lower case) or as it was sent. */
  email: string | null
  /** The key of the course run, as sent where no course run has it. */
  courseId: string
}

export type DoneKind = EnrolledKind | PendingKind

/** What happened to the enrollment. */
export type EnrolledKind = 'created' | 'reactivated' | 'modeChanged' | 'unchanged'

/** What happened to the row that waits for an account. */
export type PendingKind = 'pendingCreated' | 'pendingUpdated' | 'pendingUnchanged'

export interface DoneRow extends RowIdentity {
  ok: true
  kind: DoneKind
  /** Whether somebody has an enrollment now, or the promise of one, who had none (enterprise C.4 "ours"). */
  created: boolean
  before: { mode: string; isActive: boolean } | null
  /** Null for a row that waits. */
  after: { mode: string; isActive: boolean } | null
  enrollmentId: string | null
  version: number | null
  /** The UUID of the fulfilment that records the row's funding. */
  fulfilmentId: string | null
  /** What happened to that fulfilment; null: the row has no funding, or waits. */
  fulfilment: 'created' | 'revived' | 'unchanged' | null
  /** The reactivated enrollment takes a seat beyond the last one. */
  overCapacity?: true
  /** What would refuse a waiting row if its learner had an account now, and the transaction whose place another took. */
  warnings: Warning[]
  /** The ids of the events of the enrollment. */
  events: string[]
}

/** A row that left nothing. */
export interface RefusedRow extends RowIdentity, Pick<Refusal, 'code' | 'message' | 'details'> {
  ok: false
  kind: 'refused'
  /** Whether the same row may succeed if it is sent again as it is. */
  retryable: boolean
}

/**
 * Whether somebody has an enrollment now, or the promise of one, who had none (enterprise C.4 "ours"): these are the
 * learners who are notified.
 */
export function isCreated(kind: OutcomeKind | DoneKind): boolean {
  return kind === 'created' || kind === 'reactivated' || kind === 'pendingCreated'
}

/** How many outcomes there are of each kind, and of each code of a refusal. */
export function countsOf(outcomes: readonly RowOutcome[]): Record<string, number> {
  return countBy(outcomes, (outcome) => (outcome.ok ? outcome.kind : outcome.code))
}
