import type { Result } from '../enrollment/command.ts'
import type { ErrorCode } from '../errors.ts'
import { invite, join, standingOf, withdraw, type Ledger, type Pair } from './ledger.ts'
import type { ManualEnrollment, ManualResult, Standing } from './request.ts'
import { transitionOf } from './transition.ts'
import type { AuditEntry } from './write.ts'

/** What one pair came to; the audit is null where it failed. */
export interface Settled {
  readonly result: ManualResult
  readonly audit: AuditEntry | null
}

/**
 * Puts together what became of the enrollment of one pair, and enters in the ledger what goes with it: the allowance and
 * the cohort.
 *
 * @param enrollment the result of its command or, where it had none, whether there is an active enrollment.
 */
export function settlePair(
  ledger: Ledger,
  request: ManualEnrollment,
  pair: Pair,
  enrollment: Result | { readonly isEnrolled: boolean },
): Settled {
  const change = changeOf(enrollment)
  if ('because' in change) return failed(pair, change.because)
  const { person, course } = pair
  const before = standingOf(ledger, pair, change.before)
  if (request.action === 'unenroll') withdraw(ledger, pair)
  if (request.action === 'enroll' && isToBeInvited(pair)) {
    if (person.email === null) return failed(pair, 'noAddress')
    invite(ledger, pair, person.email, request.autoEnroll)
  }
  const after = standingOf(ledger, pair, change.after)
  const transition = transitionOf(request.action, before, after)
  return {
    result: { identifier: person.identifier, kind: 'done', ...withCohort(ledger, pair, before, after) },
    audit: { email: person.email, courseKey: course.key.stored, enrollmentId: change.enrollmentId, transition },
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
    const { before, enrollment: left } = enrollment.outcome
    return { before: before?.isActive ?? false, after: left.isActive, enrollmentId: left.id }
  }
  const { code } = enrollment.error
  return code === 'notEnrolled' ? { before: false, after: false, enrollmentId: null } : { because: code }
}

function failed({ person: { identifier } }: Pair, because: ErrorCode | 'noAddress'): Settled {
  return { result: { identifier, kind: 'failed', because }, audit: null }
}

/** Without an active account nobody is enrolled; whoever is being forgotten is not invited either. */
function isToBeInvited({ person: { account } }: Pair): boolean {
  return account === null || !(account.isActive || account.isRetired)
}

/** Only who came to be enrolled or allowed joins the cohort. */
function withCohort(
  ledger: Ledger,
  pair: Pair,
  before: Standing,
  after: Standing,
): { before: Standing; after: Standing } {
  const { cohort } = pair.known
  if (cohort === null || !(after.isEnrolled || after.isAllowed)) return { before, after }
  return { before: { ...before, cohort: join(ledger, pair, cohort) }, after: { ...after, cohort: cohort.name } }
}
