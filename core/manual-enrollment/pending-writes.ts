import type { KnownCourse } from './courses.ts'
import { pairKey, type ExistingAllowance, type ExistingState } from './existing-state.ts'
import type { LearnerState, ManualCourse } from './request.ts'
import type { IdentifiedLearner } from './resolve-identifiers.ts'

/** One learner and one course run that exists. */
export interface Pair {
  readonly course: ManualCourse
  readonly known: KnownCourse
  readonly learner: IdentifiedLearner
}

/**
 * What a request is going to write beside the enrollments, and the state that it leaves so far: each pair sees what those before
 * it did. By {@link pairKey}.
 */
export interface PendingWrites {
  readonly allowances: Map<string, ExistingAllowance>
  /** The names of the cohorts that accounts are in. */
  readonly cohorts: Map<string, string>
  readonly newAllowances: Map<string, { readonly email: string; readonly courseKey: string }>
  /** The ids of the allowances that are deleted. */
  readonly deletedAllowances: Set<number>
  readonly cohortPlaces: Map<string, CohortPlace>
}

/** A place in a cohort, of an account or of an address that has none yet. */
export interface CohortPlace {
  readonly courseId: number
  readonly cohortId: number
  readonly learnerId: number | null
  readonly email: string | null
}

/** Begins with what is stored, and nothing to write. */
export function startPendingWrites({ allowances, cohorts }: ExistingState): PendingWrites {
  return {
    allowances: new Map(allowances),
    cohorts: new Map(cohorts),
    newAllowances: new Map(),
    deletedAllowances: new Set(),
    cohortPlaces: new Map(),
  }
}

/** The state of a learner now, given whether they are enrolled. */
export function stateOf(writes: PendingWrites, { course, learner }: Pair, isEnrolled: boolean): LearnerState {
  const allowance = usableAllowance(writes, course, learner)
  return {
    hasAccount: learner.account !== null,
    isEnrolled,
    isAllowed: allowance !== null,
    autoEnroll: allowance?.autoEnroll ?? false,
  }
}

/** Allows a learner to enroll; an allowance that exists gets the new `autoEnroll`. */
export function addAllowance(
  writes: PendingWrites,
  { course, learner }: Pair,
  { email, autoEnroll }: { readonly email: string; readonly autoEnroll: boolean },
): void {
  const key = pairKey(learner.key, course.key.stored)
  const { id = null, claimedBy = null } = writes.allowances.get(key) ?? {}
  writes.allowances.set(key, { id, claimedBy, autoEnroll })
  writes.newAllowances.set(key, { email, courseKey: course.key.stored })
}

/** Takes the allowance back that a learner could use. */
export function removeAllowance(writes: PendingWrites, { course, learner }: Pair): void {
  const allowance = usableAllowance(writes, course, learner)
  if (allowance === null) return
  writes.allowances.delete(pairKey(learner.key, course.key.stored))
  if (allowance.id !== null) writes.deletedAllowances.add(allowance.id)
}

/**
 * Puts a learner into a cohort of the course run.
 *
 * @returns the cohort that they were in, which may be this one.
 */
export function addToCohort(
  writes: PendingWrites,
  { course, known, learner }: Pair,
  cohort: { readonly id: number; readonly name: string },
): string | null {
  const key = pairKey(learner.key, course.key.stored)
  const { account, email } = learner
  const before = writes.cohorts.get(key) ?? null
  const learnerId = account?.id ?? null
  writes.cohortPlaces.set(key, { courseId: known.id, cohortId: cohort.id, learnerId, email: account ? null : email })
  if (account) writes.cohorts.set(key, cohort.name)
  return before
}

/** The allowance of a learner that no other account has used. */
function usableAllowance(
  { allowances }: PendingWrites,
  { key }: ManualCourse,
  { key: learnerKey, account }: IdentifiedLearner,
): ExistingAllowance | null {
  const allowance = allowances.get(pairKey(learnerKey, key.stored))
  if (allowance === undefined) return null
  return account === null || allowance.claimedBy === null || allowance.claimedBy === account.id ? allowance : null
}
