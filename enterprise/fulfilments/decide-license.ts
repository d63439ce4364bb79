import type { CourseOffer, Enrollment } from '../../routers/index.ts'
import type { FundedEnrollment } from './funded-enrollments.ts'
import type { UnchangedReason } from './license-result.ts'
import type { Revocation } from './revoke-enrollments.ts'

export type LicenseDecision =
  | { readonly does: 'nothing'; readonly because: UnchangedReason }
  | { readonly does: Revocation['by'] }

/**
 * Decides what revoking a license does to an enrollment that it pays for (enterprise C.9 rows 2 and 3). Pure.
 *
 * A course run is completed for a learner once it has ended, unless they have saved it for later. This service knows no
 * certificates, so that a passing one completes nothing here.
 *
 * @param facts.since what was changed at this instant or after it is left alone; null: no matter when.
 * @param facts.enrollment as it is now; not looked at without `since`.
 */
export function decideLicense(
  funded: FundedEnrollment,
  facts: { offer: CourseOffer; enrollment: Enrollment | null; since: Date | null; now: Date },
): LicenseDecision {
  const { offer, enrollment, since, now } = facts
  if (funded.isRevoked) return { does: 'nothing', because: 'alreadyRevoked' }
  if (since !== null && enrollment !== null && new Date(enrollment.updated) >= since) {
    return { does: 'nothing', because: 'changedSince' }
  }
  const isOver = offer.end !== null && new Date(offer.end) < now
  if (isOver && !funded.isSavedForLater) return { does: 'nothing', because: 'completed' }
  return { does: offer.modes.some(({ slug }) => slug === 'audit') ? 'movingToAudit' : 'unenrolling' }
}
