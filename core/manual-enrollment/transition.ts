import type { ManualEnrollment, LearnerState } from './request.ts'

/** What the audit says happened to a learner, as the LMS writes it (rest-v1 §3.9). */
export function transitionOf(action: ManualEnrollment['action'], before: LearnerState, after: LearnerState): string {
  if (action === 'unenroll') return `from ${nameOf(before)} to unenrolled`
  if (!before.hasAccount) return after.isAllowed ? 'from unenrolled to allowed to enroll' : NOTHING
  return after.isEnrolled ? `from ${nameOf(before)} to enrolled` : NOTHING
}

const NOTHING = 'N/A'

function nameOf({ isEnrolled, isAllowed }: LearnerState): string {
  if (isEnrolled) return 'enrolled'
  return isAllowed ? 'allowed to enroll' : 'unenrolled'
}
