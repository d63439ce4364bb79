import type { LearnerAccount } from '../learner/resolve-learners.ts'
import { refusal, type FundingKind, type Refusal } from '../refusal.ts'
import { canonicalUuid } from '../uuid.ts'
import type { ExistingState } from './facts-accounts.ts'
import type { RequestedRow } from './request.ts'
import type { PreparedRow, RefusedResult } from './rows.ts'

/** A row that may be enrolled, and what that does to its funding. */
export interface AcceptedRow {
  readonly row: PreparedRow<LearnerAccount>
  readonly existing: ExistingState
  readonly funding: Extract<FundingDecision, { ok: true }>
}

/**
 * Decides a row of a learner who has an account, as far as the extension is concerned: whether the customer may link the
 * learner, and what the funding does (enterprise C.5). Core decides about the enrollment afterwards. Pure.
 */
export function decideAccount(
  row: PreparedRow<LearnerAccount>,
  existing: ExistingState | undefined,
): AcceptedRow | RefusedResult {
  if (existing === undefined) throw new RangeError('Each row has its existing state')
  if (existing.link?.isPermanentlyUnlinked === true) {
    return { is: 'refused', row, refusal: refusal('linkForbidden', {}) }
  }
  const funding = decideFunding(existing.fulfilments, row.funding, row.request)
  return funding.ok ? { row, existing, funding } : { is: 'refused', row, refusal: funding.refusal }
}

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

/** The fulfilments of one enrollment: at most one of a kind. */
export type Fulfilments = { readonly [K in FundingKind]: Fulfilment | null }

/** What the funding of a row does. */
export type FundingDecision =
  | { readonly ok: false; readonly refusal: Refusal }
  | { readonly ok: true; readonly does: 'nothing' }
  | { readonly ok: true; readonly does: 'create' }
  | { readonly ok: true; readonly does: 'keep' | 'revive'; readonly uuid: string }

/**
 * Decides what the funding of a row does to an enrollment that has these fulfilments (enterprise C.5). Pure.
 *
 * @param options.reviveRevoked lets a revoked license pay again; a revoked transaction never does.
 */
export function decideFunding(
  held: Fulfilments,
  funding: Funding | null,
  { reviveRevoked }: { readonly reviveRevoked: boolean },
): FundingDecision {
  if (funding === null) return { ok: true, does: 'nothing' }
  const fulfilment = held[funding.kind]
  if (fulfilment === null) return { ok: true, does: 'create' }
  return funding.kind === 'license'
    ? decideLicense(fulfilment, funding.id, reviveRevoked)
    : decideTransaction(fulfilment, funding.id)
}

function decideLicense(
  { uuid, fundingId, isRevoked }: Fulfilment,
  id: string,
  reviveRevoked: boolean,
): FundingDecision {
  if (fundingId !== id) return refused(refusal('fundingConflict', { kind: 'license', held: fundingId }))
  if (!isRevoked) return { ok: true, does: 'keep', uuid }
  return reviveRevoked
    ? { ok: true, does: 'revive', uuid }
    : refused(refusal('fulfilmentRevoked', { fulfilmentId: uuid }))
}

function decideTransaction({ uuid, fundingId, isRevoked }: Fulfilment, id: string): FundingDecision {
  if (!isRevoked) {
    return fundingId === id
      ? { ok: true, does: 'keep', uuid }
      : refused(refusal('fundingConflict', { kind: 'transaction', held: fundingId }))
  }
  return fundingId === id
    ? refused(refusal('transactionReused', { fulfilmentId: uuid }))
    : { ok: true, does: 'revive', uuid }
}

function refused(refusal: Refusal): FundingDecision {
  return { ok: false, refusal }
}

/** The funding of a row; null: none. `ok: false`: it is no UUID (enterprise C.5 row 11, C.6 row 7). */
export function fundingOf({ funding }: RequestedRow): { ok: true; funding: Funding | null } | RefusedFunding {
  if (funding === undefined) return { ok: true, funding: null }
  const [kind, text] =
    'license' in funding ? (['license', funding.license] as const) : (['transaction', funding.transaction] as const)
  const id = canonicalUuid(text)
  return id === null
    ? { ok: false, refusal: refusal('invalidFunding', { kind, id: text }) }
    : { ok: true, funding: { kind, id } }
}

interface RefusedFunding {
  readonly ok: false
  readonly refusal: Refusal
}
