import type { Transaction } from 'kysely'
import type { Caller, Enrollment } from '../../routers/index.ts'
import type { EnterpriseDB } from '../database/schema.ts'
import { readOffers } from '../bulk/offers.ts'
import { callerIn } from '../bulk/unit.ts'
import { decideLicenseEnd, type LicenseEndDecision } from './decide-license-end.ts'
import { endEnrollments, type End } from './revoke.ts'
import { leftAlone, licenseResultOf, type LicenseResult } from './license-result.ts'
import type { Operation } from './operation.ts'
import type { PaidEnrollment } from './funded-enrollments.ts'

/**
 * Ends licenses, each for itself, in a number of statements that does not depend on theirs. What is in a course run that
 * exists no longer is left out.
 *
 * @param paid enrollments with their licenses, whose learners are locked; at most a thousand.
 * @param since what was changed at this instant or after it is left alone; null: no matter when.
 * @returns one result per enrollment, in order.
 */
export async function endLicenses(
  trx: Transaction<EnterpriseDB>,
  paid: readonly PaidEnrollment[],
  operation: Operation,
  since: Date | null,
): Promise<LicenseResult[]> {
  const decided = await decideAll(trx, paid, operation, since)
  const ends = decided.flatMap(({ end }) => end ?? [])
  const ended = new Map((await endEnrollments(trx, ends, operation)).map((one) => [one.end, licenseResultOf(one)]))
  return decided.flatMap(({ result, end }) => result ?? (end && ended.get(end)) ?? [])
}

/** One of both. */
interface Decided {
  readonly result?: LicenseResult
  readonly end?: End
}

async function decideAll(
  trx: Transaction<EnterpriseDB>,
  paid: readonly PaidEnrollment[],
  operation: Operation,
  since: Date | null,
): Promise<Decided[]> {
  const caller = callerIn(trx, operation)
  const offers = await readOffers(
    caller,
    paid.map(({ courseId }) => courseId),
  )
  const enrollments = since === null ? new Map<string, Enrollment>() : await readEnrollments(caller, paid)
  const now = new Date(operation.at)
  return paid.flatMap((one) => {
    const offer = offers.get(one.courseId) ?? null
    if (offer === null) return []
    const enrollment = enrollments.get(one.enrollmentId) ?? null
    const decision = decideLicenseEnd(one, { offer, enrollment, since, now })
    return decidedOf(one, decision, enrollment)
  })
}

/** Where the last change matters the enrollment is ended as it was seen, or not at all. */
function decidedOf(paid: PaidEnrollment, decision: LicenseEndDecision, enrollment: Enrollment | null): Decided {
  return decision.does === 'nothing'
    ? { result: leftAlone(paid, decision.because) }
    : { end: { paid, by: decision.does, expectedVersion: enrollment?.version } }
}

async function readEnrollments(caller: Caller, paid: readonly PaidEnrollment[]): Promise<Map<string, Enrollment>> {
  if (paid.length === 0) return new Map()
  const enrollments = paid.map(({ learnerId, courseId }) => ({ userId: String(learnerId), courseId }))
  const found = await caller.enrollment.getMany({ enrollments })
  return new Map(found.flatMap((enrollment) => (enrollment === null ? [] : [[enrollment.id, enrollment] as const])))
}
