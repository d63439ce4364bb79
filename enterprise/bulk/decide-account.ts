import type { LearnerAccount } from '../learner/resolve-learners.ts'
import { refusal, type Refusal } from '../refusal.ts'
import { canonicalUuid } from '../uuid.ts'
import { decideFunding, type Funding, type FundingDecision, type FundingRules } from './decide-funding.ts'
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
 *
 * @param rules what the request says of funding that was revoked, or that differs.
 */
export function decideAccount(
  row: PreparedRow<LearnerAccount>,
  existing: ExistingState | undefined,
  rules: Pick<FundingRules, 'mayRevive' | 'mayReplace'>,
): AcceptedRow | RefusedResult {
  if (existing === undefined) throw new RangeError('Each row has its existing state')
  if (existing.link?.isPermanentlyUnlinked === true) {
    return { is: 'refused', row, refusal: refusal('linkForbidden', {}) }
  }
  const { reviveRevoked } = row.request
  const funding = decideFunding(existing.fulfilments, row.funding, { reviveRevoked, ...rules })
  return funding.ok ? { row, existing, funding } : { is: 'refused', row, refusal: funding.refusal }
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
