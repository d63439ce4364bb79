import type { ClosedReason } from '../errors.ts'
import type { Policy } from '../policy.ts'

/** What decides whether a course run is open to a learner. */
export interface ClosedFacts {
  readonly course: {
    readonly enrollmentStart: string | null
    readonly enrollmentEnd: string | null
    readonly invitationOnly: boolean
    readonly deprecatedKey: boolean
  }
  readonly learner: {
    readonly id: number
    readonly isActive: boolean
    readonly isStaff: boolean
    readonly isSuperuser: boolean
    /** Holds staff, limited staff or instructor of the course or its organisation. */
    readonly isCourseTeam: boolean
  }
  /** The "enrollment allowed" row of the learner's e-mail address and the course. */
  readonly allowance: { readonly claimedBy: number | null } | null
}

/**
 * Whether the learner may enroll, looking at invitation and window (rest-v1 §1.4), evaluated for the learner being
 * enrolled, never for the caller. The first rule that matches decides.
 *
 * @returns null when enrollment is open, otherwise why it is closed.
 */
export function closedFor({ course, learner, allowance }: ClosedFacts, policy: Policy, now: Date): ClosedReason | null {
  if (learner.isSuperuser && learner.isActive) return null
  if (allowance !== null) {
    return allowance.claimedBy === null || allowance.claimedBy === learner.id ? null : 'allowanceTaken'
  }
  if (learner.isStaff || (learner.isActive && learner.isCourseTeam)) return null
  if (course.invitationOnly || (course.deprecatedKey && policy.legacyKeysInvitationOnly)) return 'invitationOnly'
  if (course.enrollmentStart !== null && new Date(course.enrollmentStart) >= now) return 'notStarted'
  if (course.enrollmentEnd !== null && new Date(course.enrollmentEnd) <= now) return 'ended'
  return null
}
