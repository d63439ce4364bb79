import type { Transaction } from 'kysely'
import type { Caller, Enrollment } from '../../routers/index.ts'
import { readOffers } from '../bulk/facts-offers.ts'
import type { EnterpriseDB } from '../database/schema.ts'
import { callerIn, type OperationContext } from '../operation.ts'
import { readCompletions } from './completions.ts'
import { decideLicense, type LicenseDecision } from './decide-license.ts'
import type { FundedEnrollment } from './funded-enrollments.ts'
import { licenseResultOf, unchangedResult, type LicenseResult } from './license-result.ts'
import { revokeEnrollments, type Revocation } from './revoke-enrollments.ts'

/**
 * Revokes licenses by the rule that `revokeLicenses` and `expireLicenses` share, each for itself, in a number of statements
 * that does not depend on theirs.
 *
 * @param funded enrollments with their licenses, whose learners' accounts are locked; at most a thousand.
 * @param since what was changed at this instant or after it is left alone; null: no matter when.
 * @returns one result per enrollment, in order.
 */
export async function applyLicenseRule(
  trx: Transaction<EnterpriseDB>,
  funded: readonly FundedEnrollment[],
  operation: OperationContext,
  since: Date | null,
): Promise<LicenseResult[]> {
  const decided = await decideAll(trx, funded, operation, since)
  const revocations = decided.flatMap(({ revocation }) => revocation ?? [])
  const results = await revokeEnrollments(trx, revocations, operation)
  const resultOf = new Map(results.map((one) => [one.revocation, licenseResultOf(one)]))
  return decided.flatMap(({ result, revocation }) => result ?? (revocation && resultOf.get(revocation)) ?? [])
}

/** One of both. */
interface Decided {
  readonly result?: LicenseResult
  readonly revocation?: Revocation
}

async function decideAll(
  trx: Transaction<EnterpriseDB>,
  funded: readonly FundedEnrollment[],
  operation: OperationContext,
  since: Date | null,
): Promise<Decided[]> {
  const caller = callerIn(trx, operation)
  const offers = await readOffers(
    caller,
    funded.map(({ courseId }) => courseId),
  )
  const enrollments = since === null ? new Map<string, Enrollment>() : await readEnrollments(caller, funded)
  const now = new Date(operation.at)
  const passed = await readCompletions(trx, funded)
  return funded.map((one) => {
    const offer = offers.get(one.courseId) ?? null
    const enrollment = enrollments.get(one.enrollmentId) ?? null
    const hasPassed = passed.has(one.fulfilmentId)
    return decidedOf(one, decideLicense(one, { offer, enrollment, since, hasPassed, now }), enrollment)
  })
}

/** Where the last change matters the enrollment is changed at the version that was read, or not at all. */
function decidedOf(funded: FundedEnrollment, decision: LicenseDecision, enrollment: Enrollment | null): Decided {
  return decision.does === 'nothing'
    ? { result: unchangedResult(funded, decision.because) }
    : { revocation: { funded, by: decision.does, expectedVersion: enrollment?.version } }
}

async function readEnrollments(caller: Caller, funded: readonly FundedEnrollment[]): Promise<Map<string, Enrollment>> {
  if (funded.length === 0) return new Map()
  const enrollments = funded.map(({ userId, courseId }) => ({ userId: String(userId), courseId }))
  const found = await caller.enrollment.getMany({ enrollments })
  return new Map(found.flatMap((enrollment) => (enrollment === null ? [] : [[enrollment.id, enrollment] as const])))
}
