import { randomUUID } from 'node:crypto'
import type { Transaction } from 'kysely'
import type { BatchResult } from '../../routers/index.ts'
import type { EnterpriseDB } from '../database/schema.ts'
import { refusal, refusalFrom, type Refusal } from './refusal.ts'
import { decideFunding, type Funding, type FundingDecision } from './funding.ts'
import type { PersonsAccount } from './resolve-learners.ts'
import type { ReadyRow } from './prepare.ts'
import type { EnrolledRow, RefusedResult, RowFulfilment } from './result.ts'
import { readStandings, type Standing } from './existing-state.ts'
import { callerIn, type Unit } from './unit.ts'

/**
 * Enrolls learners who have an account, all in one call. What the tenant has against a row is found before the house is
 * asked, so that whatever the house does stays.
 *
 * @param rows no two of one learner and course run; the learners are locked.
 * @returns one result per row, in order.
 */
export async function enrollAccounts(
  trx: Transaction<EnterpriseDB>,
  rows: readonly ReadyRow<PersonsAccount>[],
  unit: Unit,
): Promise<(EnrolledRow | RefusedResult)[]> {
  const standings = await readStandings(trx, unit.customer.id, rows)
  const checked = rows.map((row, index) => check(row, standings[index]))
  const accepted = checked.filter((one): one is AcceptedRow => !('refusal' in one))
  const results = new Map((await askTheHouse(trx, accepted, unit)).map((result) => [result.row, result]))
  return checked.flatMap((one) => ('refusal' in one ? one : (results.get(one.row) ?? [])))
}

interface AcceptedRow {
  readonly row: ReadyRow<PersonsAccount>
  readonly standing: Standing
  readonly funding: Extract<FundingDecision, { ok: true }>
}

function check(row: ReadyRow<PersonsAccount>, standing: Standing | undefined): AcceptedRow | RefusedResult {
  if (standing === undefined) throw new RangeError('Each row has its standing')
  if (standing.link?.isPermanentlyUnlinked === true) return refused(row, refusal('linkForbidden', {}))
  const funding = decideFunding(standing.fulfilments, row.funding, row.order)
  return funding.ok ? { row, standing, funding } : refused(row, funding.refusal)
}

async function askTheHouse(
  trx: Transaction<EnterpriseDB>,
  accepted: readonly AcceptedRow[],
  unit: Unit,
): Promise<(EnrolledRow | RefusedResult)[]> {
  if (accepted.length === 0) return []
  const items = accepted.map(({ row }) => ({
    userId: String(row.person.id),
    courseId: row.courseKey,
    mode: row.mode,
    whenEnrolled: 'update' as const,
    force: row.order.force,
    enterpriseUuid: unit.customer.uuid,
    reason: row.reason ?? unit.order.reason,
  }))
  const { results } = await callerIn(trx, unit).enrollment.enrollMany({ items })
  return accepted.map((one, index) => resultOf(one, results[index]))
}

function resultOf(
  { row, standing, funding }: AcceptedRow,
  result: BatchResult | undefined,
): EnrolledRow | RefusedResult {
  if (result === undefined) throw new RangeError('Each item of a batch has a result')
  if (!result.ok) return refused(row, refusalFrom(result.error))
  return { is: 'enrolled', row, standing, outcome: result.outcome, fulfilment: fulfilmentOf(row.funding, funding) }
}

function fulfilmentOf(funding: Funding | null, decision: AcceptedRow['funding']): RowFulfilment | null {
  if (funding === null || decision.does === 'nothing') return null
  if (decision.does === 'create') return { uuid: randomUUID(), funding, kind: 'created' }
  return { uuid: decision.uuid, funding, kind: decision.does === 'revive' ? 'revived' : 'unchanged' }
}

function refused(row: ReadyRow, refusal: Refusal): RefusedResult {
  return { is: 'refused', row, refusal }
}
