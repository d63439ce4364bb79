import type { Outcome } from '../../routers/index.ts'
import type { Refusal } from './refusal.ts'
import type { PendingDecision } from './decide-pending.ts'
import type { Funding } from './funding.ts'
import type { Address, PersonsAccount } from './resolve-learners.ts'
import type { PendingStanding } from './existing-pending.ts'
import type { ReadyRow } from './prepare.ts'
import type { Standing } from './existing-state.ts'

/** What a row came to. What the tenant knows of it is not written yet. */
export type RowResult = EnrolledRow | WaitingRow | RefusedResult

/** The learner has the enrollment that the row asks for. */
export interface EnrolledRow {
  readonly is: 'enrolled'
  readonly row: ReadyRow<PersonsAccount>
  readonly standing: Standing
  readonly outcome: Outcome
  readonly fulfilment: RowFulfilment | null
}

/** The fulfilment of a row that has funding. */
export interface RowFulfilment {
  readonly uuid: string
  readonly funding: Funding
  readonly kind: 'created' | 'revived' | 'unchanged'
}

/** The row waits until somebody has an account. */
export interface WaitingRow {
  readonly is: 'waiting'
  readonly row: ReadyRow<Address>
  readonly standing: PendingStanding
  readonly decision: Extract<PendingDecision, { ok: true }>
}

export interface RefusedResult {
  readonly is: 'refused'
  readonly row: ReadyRow
  readonly refusal: Refusal
}

/** Whether a row leads to an enrollment. */
export function isEnrolled(result: RowResult): result is EnrolledRow {
  return result.is === 'enrolled'
}

/** Whether a row waits for an account. */
export function isWaiting(result: RowResult): result is WaitingRow {
  return result.is === 'waiting'
}

/** Whether the enrollment takes a seat that it did not take before. */
export function takesSeat({ outcome }: EnrolledRow): boolean {
  return outcome.kind === 'created' || outcome.kind === 'reactivated'
}
