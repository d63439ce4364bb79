import { closedFor, type ClosedFacts } from '../course/enrollment-closed.ts'
import type { CourseKey } from '../course/key.ts'
import { modeUnavailable } from '../course/mode-unavailable.ts'
import { defaultMode, type Mode } from '../course/mode.ts'
import { failure, type Failure } from '../errors.ts'
import { isOwnedHere, type StoredOwner } from '../course/owner.ts'
import type { Policy } from '../policy.ts'
import { completeAttributes, malformedAttribute, missingAttributes, type Attribute } from './attributes.ts'
import type { EnrollmentCommand, EnrollmentState, OutcomeKind } from './command.ts'
import { passFilters } from './filter.ts'

/** All that is needed to decide one command. Null where the database has nothing. */
export interface Facts {
  /** Null when the text of the command is no course key. */
  readonly courseKey: CourseKey | null
  readonly learner: LearnerFacts | null
  readonly course: CourseFacts | null
  readonly enrollment: EnrollmentState | null
  readonly allowance: { readonly id: number; readonly claimedBy: number | null } | null
  /** Active enrollments of the course, its staff, instructors and coaches not counted. */
  readonly seatsTaken: number
}

export type LearnerFacts = ClosedFacts['learner'] & {
  readonly userId: number
  readonly username: string
  /** Holds staff, instructor or CCX coach of the course and so takes no seat. */
  readonly takesNoSeat: boolean
}

export type CourseFacts = ClosedFacts['course'] & {
  readonly id: number
  readonly owner: StoredOwner
  readonly maxEnrollments: number | null
  readonly modes: readonly Mode[]
}

export type Decision =
  | { readonly ok: false; readonly error: Failure }
  | {
      readonly ok: true
      readonly kind: OutcomeKind
      readonly after: { readonly mode: string; readonly isActive: boolean }
      /** The seats of the course that the change takes (1), frees (-1) or leaves (0). */
      readonly seats: -1 | 0 | 1
      readonly claimsAllowance: boolean
      /** What the event says of the enterprise: only an enrollment that is added or added again has one. */
      readonly enterpriseUuid: string | null
      /** What replaces the attributes of the enrollment; null leaves them. */
      readonly attributes: readonly Attribute[] | null
    }

/**
 * Decides one command: the rules of enrollment, all of them, and nowhere else. Pure and total: no I/O, no clock, no
 * throw. The first rule that fires wins; their order is that of rpc §3.1 and of rest-v1 §3.2 rows 14 to 15g, and who owns the
 * course run comes before all that it says of itself (adoption.md §3).
 */
export function decide(command: EnrollmentCommand, facts: Facts, policy: Policy, now: Date): Decision {
  const malformed = malformedAttribute(command.attributes)
  if (malformed) return refuse(failure('invalidAttribute', { missing: malformed }))
  if (facts.courseKey === null) return refuse(failure('invalidCourseKey', { courseId: command.courseId }))
  if (facts.learner === null) return refuse(failure('learnerNotFound', command.learner))
  if (facts.course === null) return refuse(failure('courseNotFound', { courseId: command.courseId }))
  if (!isOwnedHere(facts.course)) return refuse(failure('ownedByLms', { courseId: facts.courseKey.stored }))
  const known = facts as KnownFacts // None of the three is null.
  if (takesChangePath(command, facts.enrollment)) return decideChange(command, known, policy, now)
  const conflict = versionConflict(command, facts.enrollment)
  if (conflict) return refuse(conflict)
  if (command.path === 'admit') return decideAdmission(command, known, policy, now)
  return command.path === 'restore' ? decideRestoration(command, known) : decideEnroll(command, known, policy, now)
}

type KnownFacts = Facts & {
  readonly courseKey: CourseKey
  readonly learner: LearnerFacts
  readonly course: CourseFacts
}

function takesChangePath(command: EnrollmentCommand, enrollment: EnrollmentState | null): boolean {
  if (command.path === 'change') return true
  if (command.path !== 'post' || enrollment === null) return false
  const modeDiffers = command.mode !== null && command.mode !== enrollment.mode
  const activationDiffers = command.isActive !== null && command.isActive !== enrollment.isActive
  return modeDiffers || activationDiffers
}

function decideEnroll(command: EnrollmentCommand, facts: KnownFacts, policy: Policy, now: Date): Decision {
  const { learner, course, enrollment } = facts
  const requestedMode = command.mode ?? defaultMode(course.modes, policy, now)
  const unavailable = modeUnavailable(requestedMode, course, mayBeExpired(command), policy, now)
  if (unavailable) return refuse(unavailable)

  if (command.path === 'replace' && enrollment !== null) {
    const after = { mode: command.mode ?? enrollment.mode, isActive: command.isActive ?? enrollment.isActive }
    const equal = after.mode === enrollment.mode && after.isActive === enrollment.isActive
    return equal ? unchanged(enrollment) : write(command, facts, after)
  }
  if (command.activeFirst && enrollment?.isActive === true) return unchanged(enrollment)

  const filtered = filterMode(requestedMode, command, facts, policy, now)
  if (!filtered.ok) return filtered
  const because = command.force ? null : closedFor({ course, learner, allowance: facts.allowance }, policy, now)
  if (because !== null) return refuse(failure('enrollmentClosed', { because }))
  const limit = course.maxEnrollments
  if (limit !== null && facts.seatsTaken >= limit) return refuse(failure('courseFull', { limit }))

  if (enrollment?.isActive === true) return unchanged(enrollment)
  return add(command, facts, filtered.mode)
}

/** Modes, window and seats are not looked at: staff answers for it (rest-v1 §3.9). */
function decideAdmission(command: EnrollmentCommand, facts: KnownFacts, policy: Policy, now: Date): Decision {
  const { enrollment, course } = facts
  if (enrollment?.isActive === true) return unchanged(enrollment)
  const filtered = filterMode(command.mode ?? defaultMode(course.modes, policy, now), command, facts, policy, now)
  return filtered.ok ? add(command, facts, filtered.mode) : filtered
}

/**
 * Of the rules of enrollment only those hold that protect others: no seat is sold twice. What is given back was allowed when it
 * was taken: that its mode has expired or its window has closed since is no reason to keep it (bulk.md §4).
 */
function decideRestoration(command: EnrollmentCommand, facts: KnownFacts): Decision {
  const { enrollment, course, learner } = facts
  if (enrollment === null) return refuse(failure('notEnrolled', { courseId: command.courseId }))
  const after = { mode: command.mode ?? enrollment.mode, isActive: command.isActive ?? enrollment.isActive }
  const limit = course.maxEnrollments
  const takesSeat = after.isActive && !enrollment.isActive && !learner.takesNoSeat
  if (takesSeat && limit !== null && facts.seatsTaken >= limit) return refuse(failure('courseFull', { limit }))
  return write(command, facts, after)
}

/** The mode that the site's filters leave; one that they have chosen has to be offered as well. */
function filterMode(
  requestedMode: string,
  command: EnrollmentCommand,
  { courseKey, learner, course }: KnownFacts,
  policy: Policy,
  now: Date,
): { ok: true; mode: string } | Extract<Decision, { ok: false }> {
  const filters = policy.filters ?? []
  if (filters.length === 0) return { ok: true, mode: requestedMode }
  const { enterpriseUuid, reason, isActive } = command
  const request = {
    learner: { userId: String(learner.userId), username: learner.username },
    courseId: courseKey.stored,
    mode: requestedMode,
    isActive: isActive ?? true,
    enterpriseUuid,
    reason,
  }
  const filtered = passFilters(filters, request, policy.onFilterError)
  if ('vetoed' in filtered) return { ok: false, error: failure('vetoed', filtered.vetoed) }
  if (filtered.mode === requestedMode) return { ok: true, mode: requestedMode }
  const unavailable = modeUnavailable(filtered.mode, course, mayBeExpired(command), policy, now)
  return unavailable ? { ok: false, error: unavailable } : { ok: true, mode: filtered.mode }
}

/** Whether the mode of somebody who is added may have expired. */
export function mayBeExpired({ expiredModeWhenAdding, isActive }: EnrollmentCommand): boolean {
  return expiredModeWhenAdding || isActive === false
}

function add(command: EnrollmentCommand, facts: KnownFacts, mode: string): Written {
  const decision = write(command, facts, { mode, isActive: command.isActive ?? true })
  return {
    ...decision,
    claimsAllowance: facts.allowance?.claimedBy === null,
    enterpriseUuid: command.enterpriseUuid,
  }
}

function decideChange(command: EnrollmentCommand, facts: KnownFacts, policy: Policy, now: Date): Decision {
  const { course, enrollment } = facts
  if (enrollment === null) return refuse(failure('notEnrolled', { courseId: command.courseId }))
  const { mode } = command
  const conflict = versionConflict(command, enrollment)
  if (conflict) return refuse(conflict)
  if (mode !== null && mode !== enrollment.mode && enrollment.isActive && command.isActive === false) {
    return refuse(failure('modeMismatch', { activeMode: enrollment.mode, requestedMode: mode }))
  }
  const lacking = missingAttributes(mode, command.attributes)
  if (lacking) return refuse(lacking)
  if (mode !== null) {
    const includeExpired = command.expiredModeWhenChanging || command.isActive === false
    const unavailable = modeUnavailable(mode, course, includeExpired, policy, now)
    if (unavailable) return refuse(unavailable)
  }
  return write(command, facts, {
    mode: mode ?? enrollment.mode,
    isActive: command.isActive ?? enrollment.isActive,
  })
}

function versionConflict({ expectedVersion }: EnrollmentCommand, enrollment: EnrollmentState | null): Failure | null {
  const actual = enrollment?.version ?? 0
  if (expectedVersion === null || expectedVersion === actual) return null
  return failure('versionConflict', { expected: expectedVersion, actual })
}

type Written = Extract<Decision, { ok: true }>

function write(command: EnrollmentCommand, facts: KnownFacts, after: Written['after']): Written {
  const before = facts.enrollment
  const taken = facts.learner.takesNoSeat ? 0 : Number(after.isActive) - Number(before?.isActive ?? false)
  return {
    ok: true,
    kind: kindOf(before, after),
    after,
    seats: taken as -1 | 0 | 1, // The difference of two truth values.
    claimsAllowance: false,
    enterpriseUuid: null,
    attributes: completeAttributes(command.attributes),
  }
}

function unchanged(enrollment: EnrollmentState): Written {
  const after = { mode: enrollment.mode, isActive: enrollment.isActive }
  return {
    ok: true,
    kind: 'unchanged',
    after,
    seats: 0,
    claimsAllowance: false,
    enterpriseUuid: null,
    attributes: null,
  }
}

/** What a change is called, by the enrollment before and after it (rpc §2). */
export function kindOf(
  before: { readonly mode: string; readonly isActive: boolean } | null,
  after: Written['after'],
): OutcomeKind {
  if (before === null) return 'created'
  if (!before.isActive && after.isActive) return 'reactivated'
  if (before.isActive && !after.isActive) return 'deactivated'
  return before.mode === after.mode ? 'unchanged' : 'modeChanged'
}

function refuse(error: Failure): Decision {
  return { ok: false, error }
}
