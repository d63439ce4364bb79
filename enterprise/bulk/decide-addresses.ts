import type { Transaction } from 'kysely'
import type { EnterpriseDB } from '../database/schema.ts'
import { decidePending } from './decide-pending.ts'
import type { Address } from './resolve-learners.ts'
import { readPendingStandings, type PendingStanding } from './existing-pending.ts'
import type { ReadyRow } from './prepare.ts'
import type { RefusedResult, WaitingRow } from './result.ts'
import type { Unit } from './unit.ts'

/**
 * Decides rows for addresses that have no account yet; nothing is written.
 *
 * @param rows no two of one address and course run; the addresses are locked.
 * @returns one result per row, in order.
 */
export async function decideAddresses(
  trx: Transaction<EnterpriseDB>,
  rows: readonly ReadyRow<Address>[],
  { customer, order }: Unit,
): Promise<(WaitingRow | RefusedResult)[]> {
  const standings = await readPendingStandings(trx, customer.id, rows)
  return rows.map((row, index) => resultOf(row, standings[index], order.discount))
}

function resultOf(
  row: ReadyRow<Address>,
  standing: PendingStanding | undefined,
  discount: number,
): WaitingRow | RefusedResult {
  if (standing === undefined) throw new RangeError('Each address is linked')
  const decision = decidePending(row, standing, discount)
  return decision.ok ? { is: 'waiting', row, standing, decision } : { is: 'refused', row, refusal: decision.refusal }
}
