import type { Transaction } from 'kysely'
import type { EnterpriseDB } from '../database/schema.ts'
import type { BatchContext } from './batch-context.ts'
import type { AcceptedRow } from './decide-account.ts'
import { enrollInModes } from './enroll-in-modes.ts'
import type { EnrolledResult, RefusedResult } from './rows.ts'
import { upgradeAccounts } from './upgrade-accounts.ts'

/**
 * Enrolls learners who have an account, all in one call; those whose enrollment is at most upgraded before. What the extension
 * has against a row was found already, so that what is enrolled here stays.
 *
 * @param accepted no two of one learner and course run; the accounts are locked.
 * @returns one result per row, in any order.
 */
export async function enrollAccounts(
  trx: Transaction<EnterpriseDB>,
  accepted: readonly AcceptedRow[],
  batch: BatchContext,
): Promise<(EnrolledResult | RefusedResult)[]> {
  const { upgrade = [], update = [] } = Object.groupBy(accepted, ({ row }) => row.request.whenEnrolled ?? 'update')
  const upgraded = await upgradeAccounts(trx, upgrade, batch)
  return [...upgraded, ...(await enrollInModes(trx, update, 'update', batch))]
}
