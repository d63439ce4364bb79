import { refusal, type FundingKind, type Refusal } from '../refusal.ts'

/** What pays for a row. */
export interface Funding {
  readonly kind: FundingKind
  /** The UUID of the license or of the transaction. */
  readonly id: string
}

/** A fulfilment that an enrollment has. */
export interface Fulfilment {
  readonly uuid: string
  readonly fundingId: string
  readonly isRevoked: boolean
}

/** The fulfilments of one enrollment: of a kind the one that pays, or else the latest. */
export interface Fulfilments extends Readonly<Record<FundingKind, Fulfilment | null>> {
  /** Licenses and transactions that were revoked here at any time, whatever the fulfilments hold now. */
  readonly revokedFundings: ReadonlySet<string>
  /** Whether the ledger is known to have committed the transaction of the fulfilment, and not reversed it. */
  readonly isCommitted: boolean
}

/** What the funding of a row does. */
export type FundingDecision =
  | { readonly ok: false; readonly refusal: Refusal }
  | { readonly ok: true; readonly does: 'nothing' }
  | { readonly ok: true; readonly does: 'create' }
  | { readonly ok: true; readonly does: 'keep' | 'revive'; readonly uuid: string }
  /** A new fulfilment; the one that pays now is revoked. */
  | { readonly ok: true; readonly does: 'supersede'; readonly superseded: Fulfilment }

export interface FundingRules {
  /** Lets a revoked license pay again, because the row says so. */
  readonly reviveRevoked: boolean
  /** Whether the license that the fulfilment holds may pay again, because of all that the request names. */
  readonly mayRevive: boolean
  /** Whether a transaction takes over from another that is not known to be committed. */
  readonly mayReplace: boolean
}

/**
 * Decides what the funding of a row does to an enrollment that has these fulfilments (enterprise C.5, enterprise-routes.md
 * §3, enterprise-routes.md §7.2). Pure.
 */
export function decideFunding(held: Fulfilments, funding: Funding | null, rules: FundingRules): FundingDecision {
  if (funding === null) return { ok: true, does: 'nothing' }
  const fulfilment = held[funding.kind]
  if (fulfilment === null) return { ok: true, does: 'create' }
  return funding.kind === 'license'
    ? decideLicense(held, fulfilment, funding.id, rules)
    : decideTransaction(held, fulfilment, funding.id, rules)
}

function decideLicense(
  { revokedFundings }: Fulfilments,
  { uuid, fundingId, isRevoked }: Fulfilment,
  id: string,
  { reviveRevoked, mayRevive }: FundingRules,
): FundingDecision {
  if (!isRevoked && fundingId === id) return { ok: true, does: 'keep', uuid }
  if (!isRevoked) {
    return revokedFundings.has(id)
      ? refused(refusal('fulfilmentRevoked', { fulfilmentId: uuid }))
      : refused(refusal('fundingConflict', { kind: 'license', held: fundingId }))
  }
  const isNew = fundingId !== id && !revokedFundings.has(id)
  const isHeldAgain = fundingId === id && mayRevive
  return isNew || isHeldAgain || reviveRevoked
    ? { ok: true, does: 'revive', uuid }
    : refused(refusal('fulfilmentRevoked', { fulfilmentId: uuid }))
}

function decideTransaction(
  { revokedFundings, isCommitted }: Fulfilments,
  held: Fulfilment,
  id: string,
  { mayReplace }: FundingRules,
): FundingDecision {
  const { uuid, fundingId, isRevoked } = held
  if (fundingId === id && !isRevoked) return { ok: true, does: 'keep', uuid }
  if (fundingId === id || revokedFundings.has(id)) return refused(refusal('transactionReused', { fulfilmentId: uuid }))
  if (isRevoked) return { ok: true, does: 'revive', uuid }
  return isCommitted || !mayReplace
    ? refused(refusal('fundingConflict', { kind: 'transaction', held: fundingId }))
    : { ok: true, does: 'supersede', superseded: held }
}

function refused(refusal: Refusal): FundingDecision {
  return { ok: false, refusal }
}
