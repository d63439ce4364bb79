import type { CourseOffer, Outcome } from '../../routers/index.ts'
import type { LearnerAccount, LearnerAddress, RowLearner } from '../learner/resolve-learners.ts'
import type { Refusal } from '../refusal.ts'
import type { Fulfilment, Funding } from './decide-funding.ts'
import type { PendingDecision } from './decide-address.ts'
import type { ExistingState } from './facts-accounts.ts'
import type { ExistingPending } from './facts-addresses.ts'
import type { RequestedRow } from './request.ts'

// What is known of a row, stage by stage: it is numbered, resolved or rejected, prepared, and has a result. The outcome that
// the caller gets is in `answer.ts`.

/** A row of the request, and its place there. */
export interface NumberedRow {
  readonly index: number
  readonly request: RequestedRow
  /** Why this row is asked for; left out: for the reason of the batch. */
  readonly reason?: string | null
}

/** A row that names a learner, or an address that may become one, and funding that is well-formed. */
export interface ResolvedRow<L = LearnerAccount | LearnerAddress> extends NumberedRow {
  readonly learner: L
  readonly funding: Funding | null
}

/** A row that is refused for what it says, whatever is known of its course run. */
export interface RejectedRow extends NumberedRow {
  readonly learner: RowLearner
  readonly refusal: Refusal
}

/** A row with its course run. */
export interface PreparedRow<L = LearnerAccount | LearnerAddress> extends ResolvedRow<L> {
  /** Null: no course run has the key. */
  readonly offer: CourseOffer | null
  /** As the key is stored; as it was sent where no course run has it. */
  readonly courseKey: string
  /** The mode that is asked for, or else the best. */
  readonly mode: string
}

/** What became of a row. The extension's own records of it are not written yet. */
export type RowResult = EnrolledResult | WaitingResult | RefusedResult

/** The learner has the enrollment that the row asks for. */
export interface EnrolledResult {
  readonly is: 'enrolled'
  readonly row: PreparedRow<LearnerAccount>
  readonly existing: ExistingState
  readonly outcome: Outcome
  readonly fulfilment: RowFulfilment | null
}

/** The fulfilment of a row that has funding. */
export interface RowFulfilment {
  readonly uuid: string
  readonly funding: Funding
  readonly kind: 'created' | 'revived' | 'unchanged'
  /** The one that paid until now, and whose place it takes. */
  readonly superseded: Fulfilment | null
}

/** The row waits until its address has an account. */
export interface WaitingResult {
  readonly is: 'waiting'
  readonly row: PreparedRow<LearnerAddress>
  readonly existing: ExistingPending
  readonly decision: Extract<PendingDecision, { ok: true }>
}

export interface RefusedResult {
  readonly is: 'refused'
  readonly row: PreparedRow
  readonly refusal: Refusal
}

/** Whether a row is refused for what it says. */
export function isRejected(row: ResolvedRow | RejectedRow): row is RejectedRow {
  return 'refusal' in row
}

/** Whether a row may go on. */
export function isResolved(row: ResolvedRow | RejectedRow): row is ResolvedRow {
  return !isRejected(row)
}

/** Whether the learner of a row has an account. */
export function isForAccount(row: PreparedRow): row is PreparedRow<LearnerAccount> {
  return row.learner.is === 'account'
}

/** Whether a row is for an address without an account. */
export function isForAddress(row: PreparedRow): row is PreparedRow<LearnerAddress> {
  return row.learner.is === 'address'
}

/** Whether a row leads to an enrollment. */
export function isEnrolled(result: RowResult): result is EnrolledResult {
  return result.is === 'enrolled'
}

/** Whether a row waits for an account. */
export function isWaiting(result: RowResult): result is WaitingResult {
  return result.is === 'waiting'
}

/** Whether the enrollment takes a seat that it did not take before. */
export function takesSeat({ outcome }: EnrolledResult): boolean {
  return outcome.kind === 'created' || outcome.kind === 'reactivated'
}
