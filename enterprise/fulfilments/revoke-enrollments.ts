import type { Transaction } from 'kysely'
import type { BatchResult, Outcome } from '../../routers/index.ts'
import type { EnterpriseDB } from '../database/schema.ts'
import { callerIn, type OperationContext } from '../operation.ts'
import { refusalFrom, type Refusal } from '../refusal.ts'
import type { FundedEnrollment } from './funded-enrollments.ts'
import { writeRevocations } from './write-revocations.ts'

/** How the funding of an enrollment is revoked. */
export interface Revocation {
  readonly funded: FundedEnrollment
  /** What happens to the enrollment. */
  readonly by: 'unenrolling' | 'movingToAudit'
  /** The version at which that was decided; left out where it does not matter. */
  readonly expectedVersion?: number | undefined
}

/** What became of a revocation. Where it is refused, everything is as it was. */
export type RevocationResult = { readonly revocation: Revocation } & (
  | { readonly ok: true; readonly outcome: Outcome }
  | { readonly ok: false; readonly refusal: Refusal }
)

/**
 * Revokes funding: changes the enrollments, all in one call, and then writes what the extension keeps of them. An enrollment
 * that is deactivated keeps its mode. Each revocation stands for itself.
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
  const changes = await changeEnrollments(trx, revocations, operation)
  const results = revocations.map((one) => resultOf(one, changes.get(one.funded.enrollmentId)))
  await writeRevocations(
    trx,
    results.flatMap((one) => (one.ok ? { funded: one.revocation.funded, enrollment: one.outcome.enrollment } : [])),
    operation,
  )
  return results
}

/** Several customers may fund one enrollment: it is changed once. */
async function changeEnrollments(
  trx: Transaction<EnterpriseDB>,
  revocations: readonly Revocation[],
  operation: OperationContext,
): Promise<Map<string, BatchResult>> {
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

function resultOf(revocation: Revocation, change: BatchResult | undefined): RevocationResult {
  if (change === undefined) throw new RangeError('Each item of a batch has a result')
  if (!change.ok) return { revocation, ok: false, refusal: refusalFrom(change.error) }
  return { revocation, ok: true, outcome: change.outcome }
}
