import type { Result } from '../enrollment/command.ts'
import type { ErrorCode } from '../errors.ts'
import { addAllowance, addToCohort, removeAllowance, stateOf, type Pair, type PendingWrites } from './pending-writes.ts'
import type { LearnerState, ManualEnrollment, ManualResult } from './request.ts'
import { transitionOf } from './transition.ts'
import type { AuditEntry } from './write.ts'

/** What became of one pair; the audit is null where it failed. */
export interface PairOutcome {
  readonly result: ManualResult
  readonly audit: AuditEntry | null
}

/**
 * Finds out what became of one pair, and adds to the pending writes what goes with its enrollment: the allowance and the cohort.
 *
 * @param enrollment the result of its command or, where it had none, whether there is an active enrollment.
 */
export function applyToPair(
  writes: PendingWrites,
  request: ManualEnrollment,
  pair: Pair,
  enrollment: Result | { readonly isEnrolled: boolean },
): PairOutcome {
  if (!pair.known.isOwnedHere) return failed(pair, 'ownedByLms')
  const change = changeOf(enrollment)
  if ('because' in change) return failed(pair, change.because)
  const { learner, course } = pair
  const before = stateOf(writes, pair, change.before)
  if (request.action === 'unenroll') removeAllowance(writes, pair)
  if (request.action === 'enroll' && isToBeAllowed(pair)) {
    if (learner.email === null) return failed(pair, 'noAddress')
    addAllowance(writes, pair, { email: learner.email, autoEnroll: request.autoEnroll })
  }
  const after = stateOf(writes, pair, change.after)
  const transition = transitionOf(request.action, before, after)
  return {
    result: { identifier: learner.identifier, kind: 'done', ...withCohort(writes, pair, before, after) },
    audit: { email: learner.email, courseKey: course.key.stored, enrollmentId: change.enrollmentId, transition },
  }
}

interface Change {
  readonly before: boolean
  readonly after: boolean
  readonly enrollmentId: string | null
}

function changeOf(enrollment: Result | { readonly isEnrolled: boolean }): Change | { because: ErrorCode } {
  if ('isEnrolled' in enrollment) {
    return { before: enrollment.isEnrolled, after: enrollment.isEnrolled, enrollmentId: null }
  }
  if (enrollment.ok) {
    const { before, enrollment: after } = enrollment.outcome
    return { before: before?.isActive ?? false, after: after.isActive, enrollmentId: after.id }
  }
  const { code } = enrollment.error
  return code === 'notEnrolled' ? { before: false, after: false, enrollmentId: null } : { because: code }
}

function failed({ learner: { identifier } }: Pair, because: ErrorCode | 'noAddress'): PairOutcome {
  return { result: { identifier, kind: 'failed', because }, audit: null }
}

/** Without an active account a learner is allowed to enroll instead, but not one whose account is retired. */
function isToBeAllowed({ learner: { account } }: Pair): boolean {
  return account === null || !(account.isActive || account.isRetired)
}

/** Only a learner who is enrolled or allowed afterwards joins the cohort. */
function withCohort(
  writes: PendingWrites,
  pair: Pair,
  before: LearnerState,
  after: LearnerState,
): { before: LearnerState; after: LearnerState } {
  const { cohort } = pair.known
  if (cohort === null || !(after.isEnrolled || after.isAllowed)) return { before, after }
  return { before: { ...before, cohort: addToCohort(writes, pair, cohort) }, after: { ...after, cohort: cohort.name } }
}
