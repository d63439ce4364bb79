import type { CourseOffer, Enrollment } from '../../routers/index.ts'
import type { FundedEnrollment } from './funded-enrollments.ts'
import type { UnchangedReason } from './license-result.ts'
import type { Revocation } from './revoke-enrollments.ts'

export type LicenseDecision =
  | { readonly does: 'nothing'; readonly because: UnchangedReason }
  | { readonly does: Revocation['by'] }

/** What a decision about a license looks at. */
export interface LicenseFacts {
  readonly offer: CourseOffer | null
  readonly enrollment: Enrollment | null
  readonly since: Date | null
  readonly hasPassed: boolean
  readonly now: Date
}

/**
 * Decides what revoking a license does to an enrollment that it pays for (enterprise C.9 rows 2 and 3). Pure.
 *
 * A course run is completed for a learner once it has ended or they have passed it, unless they have saved it for later. That
 * they have passed is a fact that is imported: this service knows no certificates.
 *
 * @param facts.offer null: the course run exists no longer; its enrollments stay as they are (enterprise-routes.md D8).
 * @param facts.since what was changed at this instant or after it is left alone; null: no matter when.
 * @param facts.enrollment as it is now; not looked at without `since`.
 */
export function decideLicense(funded: FundedEnrollment, facts: LicenseFacts): LicenseDecision {
  const { offer, enrollment, since, hasPassed, now } = facts
  if (funded.isRevoked) return { does: 'nothing', because: 'alreadyRevoked' }
  if (since !== null && enrollment !== null && new Date(enrollment.updated) >= since) {
    return { does: 'nothing', because: 'changedSince' }
  }
  if (offer === null) return { does: 'keeping' }
  const isOver = offer.end !== null && new Date(offer.end) < now
  if ((isOver || hasPassed) && !funded.isSavedForLater) return { does: 'nothing', because: 'completed' }
  return { does: offer.modes.some(({ slug }) => slug === 'audit') ? 'movingToAudit' : 'unenrolling' }
}
