import type { CourseOffer, Enrollment } from '../../routers/index.ts'
import type { End } from './revoke.ts'
import type { LeftAlone } from './license-result.ts'
import type { PaidEnrollment } from './funded-enrollments.ts'

export type LicenseEndDecision =
  | { readonly does: 'nothing'; readonly because: LeftAlone }
  | { readonly does: End['by'] }

/**
 * Decides what the end of a license does to an enrollment that it pays for (enterprise C.9 rows 2 and 3). Pure.
 *
 * A course run is completed for a learner once it has ended, unless they have saved it for later. This service knows no
 * certificates, so that a passing one completes nothing here.
 *
 * @param since what was changed at this instant or after it is left alone; null: no matter when.
 * @param enrollment as it is now; not looked at without `since`.
 */
export function decideLicenseEnd(
  paid: PaidEnrollment,
  {
    offer,
    enrollment,
    since,
    now,
  }: { offer: CourseOffer; enrollment: Enrollment | null; since: Date | null; now: Date },
): LicenseEndDecision {
  if (paid.isRevoked) return { does: 'nothing', because: 'alreadyRevoked' }
  if (since !== null && enrollment !== null && new Date(enrollment.updated) >= since) {
    return { does: 'nothing', because: 'changedSince' }
  }
  const isOver = offer.end !== null && new Date(offer.end) < now
  if (isOver && !paid.isSavedForLater) return { does: 'nothing', because: 'completed' }
  return { does: offer.modes.some(({ slug }) => slug === 'audit') ? 'movingToAudit' : 'unenrolling' }
}
