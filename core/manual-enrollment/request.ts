import type { CourseKey } from '../course/key.ts'
import type { ErrorCode } from '../errors.ts'

/** What staff asks for: each learner is enrolled in, or unenrolled from, each of the course runs (rest-v1 §3.9). */
export interface ManualEnrollment {
  readonly action: 'enroll' | 'unenroll'
  /** Usernames and e-mail addresses, in any mixture. */
  readonly identifiers: readonly string[]
  readonly courses: readonly ManualCourse[]
  /** For those who have no active account: whether they are enrolled as soon as they have one. */
  readonly autoEnroll: boolean
  readonly reason: string | null
}

export interface ManualCourse {
  readonly key: CourseKey
  /** The cohort that the learners join, by its exact name; null: none. */
  readonly cohort: string | null
}

/** The state of a learner in a course run, before or after the request. */
export interface LearnerState {
  /** Whether they have an account, active or not. */
  readonly hasAccount: boolean
  readonly isEnrolled: boolean
  /** Whether there is an allowance that they can use. */
  readonly isAllowed: boolean
  readonly autoEnroll: boolean
  /** Absent where no cohort was asked for, and where they are neither enrolled nor allowed afterwards. */
  readonly cohort?: string | null
}

/** What became of one learner in one course run. */
export type ManualResult = { readonly identifier: string } & (
  | { readonly kind: 'done'; readonly before: LearnerState; readonly after: LearnerState }
  /** Neither an account nor an e-mail address. */
  | { readonly kind: 'invalidIdentifier' }
  /** `ambiguous`: more than one account; `noAddress`: an inactive account without an e-mail address. */
  | { readonly kind: 'failed'; readonly because: ErrorCode | 'ambiguous' | 'noAddress' }
)
