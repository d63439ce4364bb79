import { randomUUID } from 'node:crypto'
import type { Kysely, Transaction } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import { inTransaction, retryOnSerializationFailure } from '../../routers/extension.ts'
import { type Context } from '../../routers/index.ts'
import type { EnterpriseTables } from '../database/schema.ts'
import { lockPeople } from '../bulk/resolve-learners.ts'
import { run } from '../bulk/run.ts'
import type { Unit } from '../bulk/unit.ts'
import { errorFrom } from '../failure.ts'
import { claimDue, type Claim } from './claim.ts'
import { lockLinksOf, readDueRows } from './due-rows.ts'
import { fateBeforehand, fateOf, settle, type Fate } from './resolution.ts'
import { noticeArrivals } from './notice.ts'

/** What a step did. */
export interface PendingStep {
  /** How many arrivals of accounts were looked at. */
  readonly arrivals: number
  /** How many rows were taken. Nothing is left to do now where both are zero. */
  readonly taken: number
  /** How many of them came to each end. */
  readonly counts: Readonly<Record<Fate['is'], number>>
}

/** What the enrollments of rows say that were asked for without a reason. */
const REASON = 'The address has an account now'

/**
 * Carries out one step of what waits for accounts (enterprise C.6 "ours", E10): accounts that have arrived take their links,
 * and rows of one customer that are due are enrolled as if they had been sent now, with all that was kept of them. Links,
 * enrollments, records, fulfilments and the states of the rows are kept together or not at all. Nobody is told: learners
 * were when the rows were asked for.
 *
 * Any number of processes may do it at the same time; whatever happens to one of them, nothing is lost and nothing is done
 * twice. A row whose process died is due again within a minute.
 *
 * @param options.limit the most arrivals, and the most rows.
 * @throws {EnrollmentError} `unavailable`: the rows that were taken are due again later
 */
export async function fulfilPending(
  { db, now, ...context }: Context,
  { limit = 500 }: { limit?: number } = {},
): Promise<PendingStep> {
  const at = (now?.() ?? new Date()).toISOString()
  try {
    const arrivals = await noticeArrivals(db, { limit, at })
    const claim = await claimDue(db, { limit, at })
    const fates = claim === null ? [] : await carryOutClaim(db, claim, { context, at })
    return { arrivals, taken: claim?.ids.length ?? 0, counts: countsOf(fates) }
  } catch (error) {
    throw errorFrom(error)
  }
}

function carryOutClaim(
  db: Kysely<DB>,
  { customer, ids }: Claim,
  { context: { requestId, ...context }, at }: { context: Omit<Context, 'db' | 'now'>; at: string },
): Promise<Fate[]> {
  const batchId = randomUUID()
  const unit: Unit = {
    context,
    customer,
    order: {
      failureMode: 'bestEffort',
      dryRun: false,
      notify: false,
      discount: 100,
      reason: REASON,
      whenIdentityDiffers: 'refuse',
    },
    rowCount: ids.length,
    batchId,
    requestId: requestId ?? batchId,
    at,
  }
  return retryOnSerializationFailure(db, () => inTransaction(db, (trx) => carryOutRows(trx, ids, unit)))
}

async function carryOutRows(on: Transaction<DB>, ids: readonly string[], unit: Unit): Promise<Fate[]> {
  const trx = on.$extendTables<EnterpriseTables>()
  const known = await readDueRows(trx, ids)
  const orders = known.map(({ order }) => order)
  const people = await lockPeople(trx, orders, unit.order.whenIdentityDiffers)
  const personOf = new Map(known.map(({ id }, index) => [id, people[index]]))
  await lockLinksOf(trx, ids)
  // Nobody else touches them any more: what waits now is what there is to do.
  const rows = await readDueRows(trx, ids)
  const beforehand = rows.map((row) => ({ row, fate: fateBeforehand(row, personOf.get(row.id)) }))
  const asked = beforehand
    .filter(({ fate }) => fate === null)
    .map(({ row: { order, reason } }, index) => ({ index, order, reason }))
  const outcomes = (await run(on, asked, unit)).rows.values()
  const fates = beforehand.map(({ row, fate }) => ({ row, fate: fate ?? fateOf(outcomes.next().value) }))
  await settle(trx, fates, unit)
  return fates.map(({ fate }) => fate)
}

function countsOf(fates: readonly Fate[]): PendingStep['counts'] {
  const counts = { fulfilled: 0, refused: 0, cancelled: 0, withoutAccount: 0, postponed: 0 }
  for (const { is } of fates) counts[is] += 1
  return counts
}
