import type { KnownCourse } from './courses.ts'
import type { Person } from './resolve-learners.ts'
import type { ManualCourse, Standing } from './request.ts'
import { pairKey, type Findings, type PersonsAllowance } from './existing-state.ts'

/** One person and one course run that exists. */
export interface Pair {
  readonly course: ManualCourse
  readonly known: KnownCourse
  readonly person: Person
}

/** What a request has done so far in memory, so that each of its pairs sees what those before it did. */
export interface Ledger {
  readonly allowances: Map<string, PersonsAllowance>
  /** The names of the cohorts that people with an account are in. */
  readonly cohorts: Map<string, string>
  readonly invitations: Map<string, { readonly email: string; readonly courseKey: string }>
  /** The ids of allowances that are taken back. */
  readonly withdrawals: Set<number>
  readonly joins: Map<string, CohortJoin>
}

/** A place in a cohort, of an account or of an address that has none yet. */
export interface CohortJoin {
  readonly courseId: number
  readonly cohortId: number
  readonly learnerId: number | null
  readonly email: string | null
}

/** A ledger in which nothing has happened yet. */
export function openLedger(findings: Findings, cohorts: ReadonlyMap<string, string>): Ledger {
  return {
    allowances: new Map(findings.allowances),
    cohorts: new Map(cohorts),
    invitations: new Map(),
    withdrawals: new Set(),
    joins: new Map(),
  }
}

/** How somebody stands now, given whether they are enrolled. */
export function standingOf(ledger: Ledger, { course, person }: Pair, isEnrolled: boolean): Standing {
  const allowance = usableAllowance(ledger, course, person)
  return {
    hasAccount: person.account !== null,
    isEnrolled,
    isAllowed: allowance !== null,
    autoEnroll: allowance?.autoEnroll ?? false,
  }
}

/** Makes an allowance, or gives the one that exists its new word about enrolling by itself. */
export function invite(ledger: Ledger, { course, person }: Pair, email: string, autoEnroll: boolean): void {
  const key = pairKey(person.id, course.key.stored)
  const { id = null, claimedBy = null } = ledger.allowances.get(key) ?? {}
  ledger.allowances.set(key, { id, claimedBy, autoEnroll })
  ledger.invitations.set(key, { email, courseKey: course.key.stored })
}

/** Takes the allowance back that somebody could use. */
export function withdraw(ledger: Ledger, { course, person }: Pair): void {
  const allowance = usableAllowance(ledger, course, person)
  if (allowance === null) return
  ledger.allowances.delete(pairKey(person.id, course.key.stored))
  if (allowance.id !== null) ledger.withdrawals.add(allowance.id)
}

/**
 * Puts somebody into the cohort of the course run.
 *
 * @returns the cohort that they were in, which may be this one.
 */
export function join(
  ledger: Ledger,
  { course, known, person }: Pair,
  cohort: { readonly id: number; readonly name: string },
): string | null {
  const key = pairKey(person.id, course.key.stored)
  const { account, email } = person
  const before = ledger.cohorts.get(key) ?? null
  const learnerId = account?.id ?? null
  ledger.joins.set(key, { courseId: known.id, cohortId: cohort.id, learnerId, email: account ? null : email })
  if (account) ledger.cohorts.set(key, cohort.name)
  return before
}

/** One that no other account has used. */
function usableAllowance({ allowances }: Ledger, { key }: ManualCourse, person: Person): PersonsAllowance | null {
  const allowance = allowances.get(pairKey(person.id, key.stored))
  if (allowance === undefined) return null
  const { account } = person
  return account === null || allowance.claimedBy === null || allowance.claimedBy === account.id ? allowance : null
}
