import { expect, test } from 'vitest'
import type { LearnerState } from '../../../core/manual-enrollment/request.ts'
import { transitionOf } from '../../../core/manual-enrollment/transition.ts'

/** e.g. `account enrolled allowed`. */
test.each<['enroll' | 'unenroll', before: string, after: string, transition: string]>([
  ['enroll', 'account', 'account enrolled', 'from unenrolled to enrolled'],
  ['enroll', 'account enrolled', 'account enrolled', 'from enrolled to enrolled'],
  ['enroll', 'account enrolled allowed', 'account enrolled allowed', 'from enrolled to enrolled'],
  ['enroll', 'account allowed', 'account enrolled allowed', 'from allowed to enroll to enrolled'],
  ['enroll', '', 'allowed', 'from unenrolled to allowed to enroll'],
  ['enroll', 'allowed', 'allowed', 'from unenrolled to allowed to enroll'],
  ['enroll', 'account', 'account allowed', 'N/A'],
  ['enroll', 'account', 'account', 'N/A'],
  ['enroll', '', '', 'N/A'],
  ['unenroll', 'account enrolled', 'account', 'from enrolled to unenrolled'],
  ['unenroll', 'account enrolled allowed', 'account', 'from enrolled to unenrolled'],
  ['unenroll', 'account allowed', 'account', 'from allowed to enroll to unenrolled'],
  ['unenroll', 'allowed', '', 'from allowed to enroll to unenrolled'],
  ['unenroll', 'account', 'account', 'from unenrolled to unenrolled'],
  ['unenroll', '', '', 'from unenrolled to unenrolled'],
])('%s: from «%s» to «%s» is %s', (action, before, after, transition) => {
  expect(transitionOf(action, state(before), state(after))).toBe(transition)
})

function state(words: string): LearnerState {
  return {
    hasAccount: words.includes('account'),
    isEnrolled: words.includes('enrolled'),
    isAllowed: words.includes('allowed'),
    autoEnroll: false,
  }
}
