import type { Transaction } from 'kysely'
import { readOffers, type Offers } from '../bulk/facts-offers.ts'
import type { Customer } from '../customer.ts'
import type { EnterpriseDB } from '../database/schema.ts'
import { resolveLearners, type RowLearner } from '../learner/resolve-learners.ts'
import { readLinkedLearners } from '../learner/visible-learners.ts'
import { callerIn, type OperationContext } from '../operation.ts'
import { lockAndReadPending, writeCancellations } from '../pending/cancel-sql.ts'
import { namedPendingOf } from '../pending/named-pending.ts'
import { isRetryable, type Refusal } from '../refusal.ts'
import { endForCustomer, type EndedEnrollment } from './end-for-customer.ts'
import type { EndedRow, EndOutcome } from './end-request.ts'

/**
 * Ends what rows name inside a transaction. Accounts and addresses are locked at the start, all of them, in one order.
 *
 * @returns one outcome per row, in order.
 */
export async function endRows(
  trx: Transaction<EnterpriseDB>,
  customer: Customer,
  rows: readonly EndedRow[],
  operation: OperationContext,
): Promise<EndOutcome[]> {
  const named = await resolveLearners(trx, rows, 'refuse')
  const accounts = named.flatMap((learner) => (learner.is === 'account' ? learner.id : []))
  const linked = await readLinkedLearners(trx, customer.id, accounts)
  const offers = await readOffers(
    callerIn(trx, operation),
    rows.map(({ courseId }) => courseId),
  )
  const learners = rows.map((row, index): EndedLearner => {
    const learner = named[index]
    if (learner === undefined) throw new RangeError('Each row names a learner')
    const isLinked = learner.is === 'account' && linked.has(learner.id)
    return { row, index, learner, isLinked }
  })
  const cancelled = await cancelPendingOf(trx, customer, learners, offers, operation)
  const pairs = learners.flatMap(({ row, index, learner, isLinked }) =>
    learner.is === 'account' && isLinked ? [{ index, userId: learner.userId, courseId: row.courseId }] : [],
  )
  const ended = await endForCustomer(trx, customer, pairs, operation)
  return learners.map((one) => outcomeOf(one, ended.get(one.index), cancelled.get(one.index) ?? 0))
}

interface EndedLearner {
  readonly row: EndedRow
  /** The place of the row among the others. */
  readonly index: number
  readonly learner: RowLearner
  readonly isLinked: boolean
}

/** @returns how many were cancelled for each row, by its place; of a row that comes twice for the first one. */
async function cancelPendingOf(
  trx: Transaction<EnterpriseDB>,
  customer: Customer,
  learners: readonly EndedLearner[],
  offers: Offers,
  operation: OperationContext,
): Promise<ReadonlyMap<number, number>> {
  const named = learners.flatMap(({ row: { email, courseId }, index, learner, isLinked }) => {
    if (learner.is === 'unknown') return []
    // Of an account that is not linked no address counts but the one that was sent.
    const addresses = [isLinked ? learner.email : null, email]
    return [...new Set(addresses)].flatMap((address) =>
      address ? namedPendingOf({ email: address, courseId }, index, offers) : [],
    )
  })
  if (named.length === 0) return new Map()
  const found = await lockAndReadPending(trx, customer.id, named)
  const ids = new Set<string>()
  const counts = new Map<number, number>()
  for (const { index } of learners) {
    const waiting = (found.get(index) ?? []).filter(({ id, state }) => state === 'waiting' && !ids.has(id))
    for (const { id } of waiting) ids.add(id)
    counts.set(index, waiting.length)
  }
  await writeCancellations(trx, [...ids], operation)
  return counts
}

function outcomeOf(
  { row: { ref, courseId }, index, learner }: EndedLearner,
  ended: EndedEnrollment | undefined,
  pendingCancelled: number,
): EndOutcome {
  const place = { index, ...(ref !== undefined && { ref }), courseId, pendingCancelled }
  const nothing = { enrollmentId: null, eventId: null }
  if (learner.is === 'unknown') return { ...place, ...nothing, outcome: 'refused', refusal: told(learner.refusal) }
  if (ended?.is === 'refused') return { ...place, ...nothing, outcome: 'refused', refusal: told(ended.refusal) }
  const { enrollmentId, eventId } = ended ?? nothing
  const kind = ended?.is ?? 'unchanged'
  const outcome = kind === 'unchanged' && pendingCancelled > 0 ? 'pendingCancelled' : kind
  return { ...place, outcome, enrollmentId, eventId, refusal: null }
}

function told({ code, message, details }: Refusal): NonNullable<EndOutcome['refusal']> {
  return { code, message, details, retryable: isRetryable(code) }
}
