import type { LearnerAddress } from '../learner/resolve-learners.ts'
import { refusal, type Refusal } from '../refusal.ts'
import type { PendingKind } from './answer.ts'
import type { ExistingPending, RequestedTerms, WaitingEnrollment } from './facts-addresses.ts'
import type { PreparedRow, RefusedResult, WaitingResult } from './rows.ts'

export type PendingDecision =
  | { readonly ok: false; readonly refusal: Refusal }
  | { readonly ok: true; readonly kind: PendingKind; readonly terms: RequestedTerms }

/**
 * Decides a row for an address that has no account (enterprise C.6). Pure.
 *
 * @param discount in percent.
 */
export function decideAddress(
  row: PreparedRow<LearnerAddress>,
  existing: ExistingPending | undefined,
  discount: number,
): WaitingResult | RefusedResult {
  if (existing === undefined) throw new RangeError('Each address is linked')
  const decision = decidePending(row, existing, discount)
  return decision.ok ? { is: 'waiting', row, existing, decision } : { is: 'refused', row, refusal: decision.refusal }
}

function decidePending(
  row: PreparedRow<LearnerAddress>,
  { waiting, isPermanentlyUnlinked }: ExistingPending,
  discount: number,
): PendingDecision {
  if (isPermanentlyUnlinked) return { ok: false, refusal: refusal('linkForbidden', {}) }
  const requested = termsOf(row, discount)
  if (waiting === null) return { ok: true, kind: 'pendingCreated', terms: requested }
  const conflict = conflictOf(row, waiting)
  if (conflict !== null) return { ok: false, refusal: conflict }
  // A row without funding keeps the funding that waits.
  const { license, transaction } = row.funding === null ? waiting : requested
  // A cohort that is not named again stays, too.
  const terms = { ...requested, license, transaction, cohort: requested.cohort ?? waiting.cohort }
  return { ok: true, kind: isSame(terms, waiting) ? 'pendingUnchanged' : 'pendingUpdated', terms }
}

function termsOf({ request, funding }: PreparedRow<LearnerAddress>, discount: number): RequestedTerms {
  return {
    mode: request.mode ?? null,
    license: funding?.kind === 'license' ? funding.id : null,
    transaction: funding?.kind === 'transaction' ? funding.id : null,
    cohort: request.cohort ?? null,
    discount: Number(discount.toFixed(5)),
    force: request.force,
    isDefaultAutoEnrollment: request.isDefaultAutoEnrollment,
    source: request.source ?? 'customerAdmin',
    whenEnrolled: request.whenEnrolled ?? 'update',
  }
}

/** What waits with a license keeps it, and nothing else gets one later; a transaction gives way to another (rows 3 to 6). */
function conflictOf({ funding }: PreparedRow<LearnerAddress>, waiting: WaitingEnrollment): Refusal | null {
  if (funding === null) return null
  const isSameLicense = funding.kind === 'license' && funding.id === waiting.license
  const mayReplace = funding.kind === 'transaction' && waiting.license === null
  return isSameLicense || mayReplace ? null : refusal('fundingConflict', { kind: funding.kind, held: waiting.license })
}

function isSame(terms: RequestedTerms, waiting: WaitingEnrollment): boolean {
  return (
    terms.mode === waiting.mode &&
    terms.license === waiting.license &&
    terms.transaction === waiting.transaction &&
    terms.cohort === waiting.cohort &&
    terms.discount === waiting.discount &&
    terms.force === waiting.force &&
    terms.isDefaultAutoEnrollment === waiting.isDefaultAutoEnrollment &&
    terms.source === waiting.source &&
    terms.whenEnrolled === waiting.whenEnrolled
  )
}
