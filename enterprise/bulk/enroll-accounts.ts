import { randomUUID } from 'node:crypto'
import type { Transaction } from 'kysely'
import type { BatchResult } from '../../routers/index.ts'
import type { EnterpriseDB } from '../database/schema.ts'
import { callerIn } from '../operation.ts'
import { refusalFrom } from '../refusal.ts'
import type { BatchContext } from './batch-context.ts'
import type { AcceptedRow } from './decide-account.ts'
import type { Funding } from './decide-funding.ts'
import type { EnrolledResult, RefusedResult, RowFulfilment } from './rows.ts'

/**
 * Enrolls learners who have an account, all in one call. What the extension has against a row was found before, so that what
 * is enrolled here stays.
 *
 * @param accepted no two of one learner and course run; the accounts are locked.
 * @returns one result per row, in order.
 */
export async function enrollAccounts(
  trx: Transaction<EnterpriseDB>,
  accepted: readonly AcceptedRow[],
  batch: BatchContext,
): Promise<(EnrolledResult | RefusedResult)[]> {
  if (accepted.length === 0) return []
  const items = accepted.map(({ row }) => ({
    userId: String(row.learner.userId),
    courseId: row.courseKey,
    mode: row.mode,
    whenEnrolled: 'update' as const,
    force: row.request.force,
    enterpriseUuid: batch.customer.uuid,
    reason: row.reason ?? batch.reason ?? undefined,
  }))
  const { results } = await callerIn(trx, batch).enrollment.enrollMany({ items })
  return accepted.map((one, index) => resultOf(one, results[index]))
}

function resultOf(
  { row, existing, funding }: AcceptedRow,
  result: BatchResult | undefined,
): EnrolledResult | RefusedResult {
  if (result === undefined) throw new RangeError('Each item of a batch has a result')
  if (!result.ok) return { is: 'refused', row, refusal: refusalFrom(result.error) }
  return { is: 'enrolled', row, existing, outcome: result.outcome, fulfilment: fulfilmentOf(row.funding, funding) }
}

function fulfilmentOf(funding: Funding | null, decision: AcceptedRow['funding']): RowFulfilment | null {
  if (funding === null || decision.does === 'nothing') return null
  if (decision.does === 'create') return { uuid: randomUUID(), funding, kind: 'created', superseded: null }
  if (decision.does === 'supersede') {
    return { uuid: randomUUID(), funding, kind: 'created', superseded: decision.superseded }
  }
  const kind = decision.does === 'revive' ? 'revived' : 'unchanged'
  return { uuid: decision.uuid, funding, kind, superseded: null }
}
