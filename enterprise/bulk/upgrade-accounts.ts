import type { Transaction } from 'kysely'
import type { Enrollment } from '../../routers/index.ts'
import type { EnterpriseDB } from '../database/schema.ts'
import { callerIn } from '../operation.ts'
import { refusal } from '../refusal.ts'
import type { BatchContext } from './batch-context.ts'
import type { AcceptedRow } from './decide-account.ts'
import { decideUpgrade, type UpgradeDecision } from './decide-upgrade.ts'
import { enrollInModes, resultOf } from './enroll-in-modes.ts'
import type { EnrolledResult, RefusedResult } from './rows.ts'

/** The most that `enrollment.getMany` takes. */
const MAX_READ = 1000

/**
 * Enrolls learners of rows with `whenEnrolled: 'upgrade'` (enterprise-routes.md §2.6). Enrollments that exist are changed at the
 * version at which that was decided, or not at all, so that nobody loses a mode that they got in between; they come first, which
 * matters only for the last seats.
 *
 * @returns one result per row, in any order.
 */
export async function upgradeAccounts(
  trx: Transaction<EnterpriseDB>,
  accepted: readonly AcceptedRow[],
  batch: BatchContext,
): Promise<(EnrolledResult | RefusedResult)[]> {
  if (accepted.length === 0) return []
  const enrollments = await readEnrollments(trx, accepted, batch)
  const decided = accepted.map((one, index) => {
    const enrollment = enrollments[index] ?? null
    return { one, enrollment, decision: decideUpgrade(enrollment, one.row.mode) }
  })
  const refused = decided.flatMap(({ one: { row }, decision }): RefusedResult[] =>
    decision.does === 'refuse' ? [{ is: 'refused', row, refusal: decision.refusal }] : [],
  )
  const changed = await changeExisting(trx, decided, batch)
  const added = decided.flatMap(({ one, decision }) => (decision.does === 'add' ? one : []))
  return [...refused, ...changed, ...(await enrollInModes(trx, added, 'keep', batch)).map(onlyAdded)]
}

interface Decided {
  readonly one: AcceptedRow
  readonly enrollment: Enrollment | null
  readonly decision: UpgradeDecision
}

async function readEnrollments(
  trx: Transaction<EnterpriseDB>,
  accepted: readonly AcceptedRow[],
  batch: BatchContext,
): Promise<(Enrollment | null)[]> {
  const pairs = accepted.map(({ row }) => ({ userId: String(row.learner.userId), courseId: row.courseKey }))
  const found: (Enrollment | null)[] = []
  for (let start = 0; start < pairs.length; start += MAX_READ) {
    const enrollments = pairs.slice(start, start + MAX_READ)
    found.push(...(await callerIn(trx, batch).enrollment.getMany({ enrollments })))
  }
  return found
}

/** An enrollment that is kept goes along: its result tells what is recorded. */
async function changeExisting(
  trx: Transaction<EnterpriseDB>,
  decided: readonly Decided[],
  batch: BatchContext,
): Promise<(EnrolledResult | RefusedResult)[]> {
  const existing = decided.filter(({ decision: { does } }) => does === 'change' || does === 'keep')
  if (existing.length === 0) return []
  const items = existing.map(({ one: { row }, enrollment, decision }) => ({
    userId: String(row.learner.userId),
    courseId: row.courseKey,
    ...(decision.does === 'change' && { mode: row.mode }),
    isActive: true,
    expectedVersion: enrollment?.version,
    reason: row.reason ?? batch.reason ?? undefined,
  }))
  const { results } = await callerIn(trx, batch).enrollment.changeMany({ items })
  return existing.map(({ one }, index) => resultOf(one, results[index]))
}

/** Somebody else was faster: their enrollment is as they left it, and the row may be sent again. */
function onlyAdded(result: EnrolledResult | RefusedResult): EnrolledResult | RefusedResult {
  const isAdded = result.is === 'refused' || result.outcome.kind === 'created'
  return isAdded ? result : { is: 'refused', row: result.row, refusal: refusal('conflict', {}) }
}
