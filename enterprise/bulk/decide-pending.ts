import type { PendingKind } from './answer.ts'
import { refusal, type Refusal } from './refusal.ts'
import type { Address } from './resolve-learners.ts'
import type { PendingStanding, PendingWish, WaitingEnrollment } from './existing-pending.ts'
import type { ReadyRow } from './prepare.ts'

export type PendingDecision =
  | { readonly ok: false; readonly refusal: Refusal }
  | { readonly ok: true; readonly kind: PendingKind; readonly wish: PendingWish }

/**
 * Decides a row for an address that has no account (enterprise C.6). Pure.
 *
 * @param discount in percent.
 */
export function decidePending(row: ReadyRow<Address>, standing: PendingStanding, discount: number): PendingDecision {
  const { waiting } = standing
  if (standing.isPermanentlyUnlinked) return { ok: false, refusal: refusal('linkForbidden', {}) }
  const asked = wishOf(row, discount)
  if (waiting === null) return { ok: true, kind: 'pendingCreated', wish: asked }
  const conflict = conflictOf(row, waiting)
  if (conflict !== null) return { ok: false, refusal: conflict }
  // A row without funding leaves that of the one before.
  const wish = row.funding === null ? { ...asked, license: waiting.license, transaction: waiting.transaction } : asked
  return { ok: true, kind: isSame(wish, waiting) ? 'pendingUnchanged' : 'pendingUpdated', wish }
}

function wishOf({ order, funding }: ReadyRow<Address>, discount: number): PendingWish {
  return {
    mode: order.mode ?? null,
    license: funding?.kind === 'license' ? funding.id : null,
    transaction: funding?.kind === 'transaction' ? funding.id : null,
    discount: Number(discount.toFixed(5)),
    force: order.force,
    isDefaultAutoEnrollment: order.isDefaultAutoEnrollment,
  }
}

/** What waits with a license keeps it, and nothing else gets one later; a transaction gives way to another (rows 3 to 6). */
function conflictOf({ funding }: ReadyRow<Address>, waiting: WaitingEnrollment): Refusal | null {
  if (funding === null) return null
  const isSameLicense = funding.kind === 'license' && funding.id === waiting.license
  const mayReplace = funding.kind === 'transaction' && waiting.license === null
  return isSameLicense || mayReplace ? null : refusal('fundingConflict', { kind: funding.kind, held: waiting.license })
}

function isSame(wish: PendingWish, waiting: WaitingEnrollment): boolean {
  return (
    wish.mode === waiting.mode &&
    wish.license === waiting.license &&
    wish.transaction === waiting.transaction &&
    wish.discount === waiting.discount &&
    wish.force === waiting.force &&
    wish.isDefaultAutoEnrollment === waiting.isDefaultAutoEnrollment
  )
}
