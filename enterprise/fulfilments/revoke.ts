import type { Transaction } from 'kysely'
import type { BatchResult, Outcome } from '../../routers/index.ts'
import type { EnterpriseDB } from '../database/schema.ts'
import { callerIn } from '../bulk/unit.ts'
import { refusalFrom, type Refusal } from '../bulk/refusal.ts'
import type { Operation } from './operation.ts'
import type { PaidEnrollment } from './funded-enrollments.ts'
import { writeEnds } from './write-revocations.ts'

/** What is to become of an enrollment that is paid for no longer. */
export interface End {
  readonly paid: PaidEnrollment
  readonly by: 'unenrolling' | 'movingToAudit'
  /** The version at which that was decided; left out where it does not matter. */
  readonly expectedVersion?: number | undefined
}

/** What became of it. A refused one is as it was. */
export type Ended = { readonly end: End } & (
  | { readonly ok: true; readonly outcome: Outcome }
  | { readonly ok: false; readonly refusal: Refusal }
)

/**
 * Ends what is paid for: the enrollments, all in one call of the house and with the mode that they have, and then what the
 * tenant knows of them. Each stands for itself.
 *
 * @param ends of enrollments whose learners are locked.
 * @returns one element per end, in order.
 */
export async function endEnrollments(
  trx: Transaction<EnterpriseDB>,
  ends: readonly End[],
  operation: Operation,
): Promise<Ended[]> {
  if (ends.length === 0) return []
  const results = await askTheHouse(trx, ends, operation)
  const ended = ends.map((end) => endedOf(end, results.get(end.paid.enrollmentId)))
  await writeEnds(
    trx,
    ended.flatMap((one) => (one.ok ? { paid: one.end.paid, enrollment: one.outcome.enrollment } : [])),
    operation,
  )
  return ended
}

/** Several customers may know of one enrollment: it is changed once. */
async function askTheHouse(
  trx: Transaction<EnterpriseDB>,
  ends: readonly End[],
  operation: Operation,
): Promise<Map<string, BatchResult>> {
  const distinct = [...new Map(ends.map((end) => [end.paid.enrollmentId, end])).values()]
  const items = distinct.map(({ paid, by, expectedVersion }) => ({
    userId: String(paid.learnerId),
    courseId: paid.courseId,
    ...(by === 'unenrolling' ? { isActive: false } : { mode: 'audit' }),
    expectedVersion,
    reason: operation.reason ?? undefined,
  }))
  const { results } = await callerIn(trx, operation).enrollment.changeMany({ items })
  return new Map(
    distinct.flatMap(({ paid }, index) => {
      const result = results[index]
      return result === undefined ? [] : [[paid.enrollmentId, result]]
    }),
  )
}

function endedOf(end: End, result: BatchResult | undefined): Ended {
  if (result === undefined) throw new RangeError('Each item of a batch has a result')
  if (!result.ok) return { end, ok: false, refusal: refusalFrom(result.error) }
  return { end, ok: true, outcome: result.outcome }
}
