import { randomUUID } from 'node:crypto'
import type { Kysely, Transaction } from 'kysely'
import { workAroundHeld } from '../../routers/extension.ts'
import type { Context } from '../../routers/index.ts'
import type { BatchContext } from '../bulk/batch-context.ts'
import { runBatch } from '../bulk/run-batch.ts'
import { countBy } from '../count-by.ts'
import type { EnterpriseDB, EnterpriseTables } from '../database/schema.ts'
import { resolveLearners } from '../learner/resolve-learners.ts'
import { operationContextOf, runOperation } from '../operation.ts'
import { applyArrivals } from './arrivals.ts'
import { claimDue, type Claim } from './claim.ts'
import { lockLinksOf, readDueRows } from './due-rows.ts'
import { resolutionOf, resolveUnattempted, writeResolutions, type Resolution } from './resolution.ts'

/** What a step did. */
export interface PendingStep {
  /** How many arrivals of accounts were looked at. */
  readonly arrivals: number
  /** How many rows were claimed. Nothing is left to do now where both are zero. */
  readonly taken: number
  /** How many of them have each resolution. */
  readonly counts: Readonly<Record<Resolution['is'], number>>
}

/** The reason in the events of enrollments that were requested without one. */
const REASON = 'The address has an account now'

/**
 * Runs one step of the pending enrollments (enterprise C.6 "ours", E10): accounts that have arrived take over the links of
 * their addresses, and rows of one customer that are due are enrolled as if they had been sent now, with all that was kept of
 * them. Links, enrollments, records, fulfilments and the states of the rows are written together or not at all. Nobody is
 * notified: learners were when the rows were requested.
 *
 * Any number of processes may do it at the same time; whatever happens to one of them, nothing is lost and nothing is done
 * twice. A row whose process died is due again within a minute.
 *
 * @param options.limit the most arrivals, and the most rows.
 * @throws {EnrollmentError} `unavailable`: the rows that were claimed are due again later
 */
export async function fulfilPending(context: Context, { limit = 500 }: { limit?: number } = {}): Promise<PendingStep> {
  const step = async (db: Kysely<EnterpriseDB>) => {
    const at = (context.now?.() ?? new Date()).toISOString()
    const arrivals = await applyArrivals(db, { limit, at })
    const claim = await claimDue(db, { limit, at })
    if (claim === null) return { arrivals, taken: 0, counts: countsOf([]) }
    const batch = batchOf(context, claim)
    // Rows that need what somebody holds are due again later, as if their process had died.
    const { done } = await workAroundHeld(db, claim.ids, (trx, ids) =>
      fulfilRows(trx.$extendTables<EnterpriseTables>(), ids, batch),
    )
    return { arrivals, taken: claim.ids.length, counts: countsOf(done.flat()) }
  }
  return runOperation(context, step, { isLong: true })
}

function batchOf(context: Context, { customer, ids }: Claim): BatchContext {
  const batchId = randomUUID()
  return {
    ...operationContextOf(context, { reason: REASON, ownId: batchId }),
    batchId,
    customer,
    options: {
      failureMode: 'bestEffort',
      dryRun: false,
      notify: false,
      discount: 100,
      whenIdentityDiffers: 'refuse',
      // What waits was asked for long ago: it brings nothing back that was revoked since, and takes the place of nothing.
      whenLicenseRevoked: 'refuse',
      whenTransactionDiffers: 'refuse',
      userIdsOf: 'anybody',
    },
    namedLicenses: () => Promise.resolve(new Map()),
    isGivenUp: () => false,
    isOverdue: () => false,
    rowCount: ids.length,
  }
}

async function fulfilRows(
  trx: Transaction<EnterpriseDB>,
  ids: readonly string[],
  batch: BatchContext,
): Promise<Resolution[]> {
  const known = await readDueRows(trx, ids)
  const requests = known.map(({ request }) => request)
  const learners = await resolveLearners(trx, requests, batch.options.whenIdentityDiffers)
  const learnerOf = new Map(known.map(({ id }, index) => [id, learners[index]]))
  await lockLinksOf(trx, ids)
  // Nobody else changes them any more: what waits now is what there is to do.
  const rows = await readDueRows(trx, ids)
  const unattempted = rows.map((row) => ({ row, resolution: resolveUnattempted(row, learnerOf.get(row.id)) }))
  const numbered = unattempted
    .filter(({ resolution }) => resolution === null)
    .map(({ row: { request, reason } }, index) => ({ index, request, reason }))
  const outcomes = (await runBatch(trx, numbered, batch)).rows.values()
  const resolved = unattempted.map(({ row, resolution }) => ({
    row,
    resolution: resolution ?? resolutionOf(outcomes.next().value),
  }))
  await writeResolutions(trx, resolved, batch)
  return resolved.map(({ resolution }) => resolution)
}

function countsOf(resolutions: readonly Resolution[]): PendingStep['counts'] {
  return { ...NONE, ...countBy(resolutions, ({ is }) => is) }
}

const NONE = { fulfilled: 0, refused: 0, cancelled: 0, withoutAccount: 0, postponed: 0 }
