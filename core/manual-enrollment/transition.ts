import type { ManualEnrollment, Standing } from './request.ts'

/** What the audit says happened to somebody, in the words of the original (rest-v1 §3.9). */
export function transitionOf(action: ManualEnrollment['action'], before: Standing, after: Standing): string {
  if (action === 'unenroll') return `from ${inWords(before)} to unenrolled`
  if (!before.hasAccount) return after.isAllowed ? 'from unenrolled to allowed to enroll' : NOTHING
  return after.isEnrolled ? `from ${inWords(before)} to enrolled` : NOTHING
}

const NOTHING = 'N/A'

function inWords({ isEnrolled, isAllowed }: Standing): string {
  if (isEnrolled) return 'enrolled'
  return isAllowed ? 'allowed to enroll' : 'unenrolled'
}
