import type { Transaction } from 'kysely'
import type { BatchResult } from '../../routers/index.ts'
import type { EnterpriseDB } from '../database/schema.ts'
import { callerIn, type OperationContext } from '../operation.ts'
import { refusalFrom, type Refusal } from '../refusal.ts'
import type { FundedEnrollment } from './funded-enrollments.ts'
import { readOtherFunding, type OtherFunding } from './other-funding.ts'
import { writeRevocations } from './write-revocations.ts'

/** How the funding of an enrollment is revoked. */
export interface Revocation {
  readonly funded: FundedEnrollment
  /** What happens to the enrollment, if nothing else pays for it: `keeping` changes nothing either way. */
  readonly by: 'unenrolling' | 'movingToAudit' | 'keeping'
  /** The version at which that was decided; left out where it does not matter. */
  readonly expectedVersion?: number | undefined
}

/** What became of a revocation. Where it is refused, everything is as it was. */
export type RevocationResult = { readonly revocation: Revocation } & (
  | {
      readonly ok: true
      /** The version of the enrollment; null: it was not looked at. */
      readonly version: number | null
      /** Whether the enrollment is active now. */
      readonly isActive: boolean
      readonly eventId: string | null
      /** Whether the enrollment stays because something else pays for it. */
      readonly isFundedOtherwise: boolean
    }
  | { readonly ok: false; readonly refusal: Refusal }
)

/**
 * Revokes funding: changes the enrollments that nothing else pays for, all in one call, and then writes what the extension
 * keeps of them. All that is revoked in one call is taken away together; what is left, of any customer and either kind, keeps
 * the enrollment as it is (enterprise-routes.md §3 b). An enrollment that is deactivated keeps its mode.
 *
 * @param revocations of learners whose accounts are locked.
 * @returns one result per revocation, in order.
 */
export async function revokeEnrollments(
  trx: Transaction<EnterpriseDB>,
  revocations: readonly Revocation[],
  operation: OperationContext,
): Promise<RevocationResult[]> {
  if (revocations.length === 0) return []
  const others = await readOtherFunding(
    trx,
    revocations.map(({ funded }) => funded.enrollmentId),
    revocations.map(({ funded }) => funded.fulfilmentId),
  )
  const ending = revocations.filter(({ funded, by }) => by !== 'keeping' && !others.has(funded.enrollmentId))
  const changes = await changeEnrollments(trx, ending, operation)
  const results = revocations.map((one) =>
    resultOf(one, changes.get(one.funded.enrollmentId), others.get(one.funded.enrollmentId)),
  )
  const revoked = results.flatMap((result) => {
    if (!result.ok) return []
    const { recordId, enrollmentId, fulfilmentId } = result.revocation.funded
    const isLeft = others.get(enrollmentId)?.recordIds.has(recordId) ?? false
    const { version, isActive } = result
    return [{ recordId, fulfilmentId, version, isActive, isUnenrolled: !isLeft }]
  })
  await writeRevocations(trx, revoked, operation)
  return results
}

/** Several customers may fund one enrollment: it is changed once. */
async function changeEnrollments(
  trx: Transaction<EnterpriseDB>,
  revocations: readonly Revocation[],
  operation: OperationContext,
): Promise<Map<string, BatchResult>> {
  if (revocations.length === 0) return new Map()
  const distinct = [...new Map(revocations.map((one) => [one.funded.enrollmentId, one])).values()]
  const items = distinct.map(({ funded, by, expectedVersion }) => ({
    userId: String(funded.userId),
    courseId: funded.courseId,
    ...(by === 'unenrolling' ? { isActive: false } : { mode: 'audit' }),
    expectedVersion,
    reason: operation.reason ?? undefined,
  }))
  const { results } = await callerIn(trx, operation).enrollment.changeMany({ items })
  return new Map(
    distinct.flatMap(({ funded }, index) => {
      const result = results[index]
      return result === undefined ? [] : [[funded.enrollmentId, result]]
    }),
  )
}

function resultOf(
  revocation: Revocation,
  change: BatchResult | undefined,
  other: OtherFunding | undefined,
): RevocationResult {
  if (revocation.by === 'keeping' || other !== undefined) {
    const isFundedOtherwise = other !== undefined
    return { revocation, ok: true, version: other?.version ?? null, isActive: true, eventId: null, isFundedOtherwise }
  }
  if (change === undefined) throw new RangeError('Each item of a batch has a result')
  if (!change.ok) return { revocation, ok: false, refusal: refusalFrom(change.error) }
  const { enrollment, eventId } = change.outcome
  const { version, isActive } = enrollment
  return { revocation, ok: true, version, isActive, eventId, isFundedOtherwise: false }
}
