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
 * Enrolls learners in the modes of their rows, all in one call.
 *
 * @param whenEnrolled whether an enrollment that exists gets the mode too.
 * @returns one result per row, in order.
 */
export async function enrollInModes(
  trx: Transaction<EnterpriseDB>,
  accepted: readonly AcceptedRow[],
  whenEnrolled: 'keep' | 'update',
  batch: BatchContext,
): Promise<(EnrolledResult | RefusedResult)[]> {
  if (accepted.length === 0) return []
  const items = accepted.map(({ row }) => ({
    userId: String(row.learner.userId),
    courseId: row.courseKey,
    mode: row.mode,
    whenEnrolled,
    force: row.request.force,
    enterpriseUuid: batch.customer.uuid,
    reason: row.reason ?? batch.reason ?? undefined,
  }))
  const { results } = await callerIn(trx, batch).enrollment.enrollMany({ items })
  return accepted.map((one, index) => resultOf(one, results[index]))
}

/** What a row came to, by the result of its item. */
export function resultOf(
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
