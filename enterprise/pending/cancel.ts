import type { Transaction } from 'kysely'
import { z } from 'zod'
import type { DB } from '../../core/database/schema.ts'
import { storableText } from '../../routers/extension.ts'
import type { ForeignContext } from '../../routers/index.ts'
import { readOffers } from '../bulk/facts-offers.ts'
import { countBy } from '../count-by.ts'
import { findCustomer } from '../customer.ts'
import type { EnterpriseDB } from '../database/schema.ts'
import { callerIn, operationContextOf, runAtomically, runOperation, type OperationContext } from '../operation.ts'
import { parseRequest } from '../parse-request.ts'
import { lockAndReadPending, writeCancellations, type NamedPending, type StoredPending } from './cancel-sql.ts'
import type { PendingState } from './list.ts'
import { namedPendingOf } from './named-pending.ts'

/** Addresses and course keys are any text here: what nothing was asked for is not found. */
const cancelPendingRow = z.strictObject({
  /** The caller's name for the row; comes back in its outcomes. */
  ref: storableText(255).optional(),
  email: z.string().trim().min(1),
  /** Left out: every course run that was asked for the address. */
  courseId: z.string().min(1).optional(),
})

/** What `cancelPending` takes. */
const cancelPendingRequest = z.strictObject({
  /** The UUID of the customer. */
  customer: z.string(),
  rows: z.array(cancelPendingRow).min(1).max(10_000),
  reason: storableText(2000).optional(),
})

export type CancelPendingRequest = z.input<typeof cancelPendingRequest>

type CancelPendingRow = z.output<typeof cancelPendingRow>

/** JSON as it stands. */
export interface CancelPendingAnswer {
  requestId: string
  /** How many outcomes there are of each kind; they add up to the number of outcomes. */
  counts: Record<string, number>
  /** One for each pending enrollment that a row names, in the order of the rows and of the course runs, or one `notFound`. */
  outcomes: CancelPendingOutcome[]
}

export interface CancelPendingOutcome {
  /** The place of the row in the request. */
  index: number
  ref?: string
  /** As it was waiting (in lower case); as it was sent where nothing was found. */
  email: string
  /** Null: the row named no course run, and nothing was found. */
  courseId: string | null
  /**
   * - `cancelled`: it waited, and never will be fulfilled unless it is sent again.
   * - `alreadyCancelled`, `alreadyFulfilled`, `alreadyRefused`: it waited no longer, and is as it was.
   * - `notFound`: the customer never asked for it, or the address had an account then.
   */
  outcome: 'cancelled' | 'alreadyCancelled' | 'alreadyFulfilled' | 'alreadyRefused' | 'notFound'
  /** The id in `listPending`; null: nothing was found. */
  pendingId: string | null
  /** The enrollment of a row that was fulfilled already: to end it takes `cancelFulfilment`. */
  enrollmentId: string | null
}

/**
 * Cancels what waits for addresses that have no account yet (enterprise C.6 "ours", E10). What is cancelled stays visible in
 * `listPending` and is not fulfilled when the account comes; who cancelled it and why is kept. The links of the customer with
 * the addresses stay. A repeat changes nothing. Sent again by `enrollLearners`, a cancelled row waits again.
 *
 * All rows are written together, on a pool and in a caller's transaction alike. A row that is being fulfilled at the same
 * time is either cancelled or `alreadyFulfilled`, never both.
 *
 * @throws {EnterpriseError} `invalidRequest`, `customerNotFound`: nothing was done
 * @throws {EnrollmentError} `unavailable`: nothing was done
 * @throws {TypeError} for a database that cannot work
 */
export async function cancelPending<Tables extends DB>(
  context: ForeignContext<Tables>,
  request: CancelPendingRequest,
): Promise<CancelPendingAnswer> {
  const { customer: uuid, rows, reason } = parseRequest(cancelPendingRequest, request)
  return runOperation(context, (db) => {
    const operation = operationContextOf(context, { reason })
    return runAtomically(db, async (trx) => {
      const customer = await findCustomer(trx, uuid)
      const named = await nameStored(trx, rows, operation)
      const found = await lockAndReadPending(trx, customer.id, named)
      const cancelled = new Set<string>()
      const outcomes = rows.flatMap((row, index) => outcomesOf(row, index, found.get(index) ?? [], cancelled))
      await writeCancellations(trx, [...cancelled], operation)
      return { requestId: operation.requestId, counts: countBy(outcomes, ({ outcome }) => outcome), outcomes }
    })
  })
}

/** What rows name, in the form in which it is stored; left out is what cannot be stored. */
async function nameStored(
  trx: Transaction<EnterpriseDB>,
  rows: readonly CancelPendingRow[],
  operation: OperationContext,
): Promise<NamedPending[]> {
  const offers = await readOffers(
    callerIn(trx, operation),
    rows.flatMap(({ courseId }) => courseId ?? []),
  )
  return rows.flatMap((row, index) => namedPendingOf(row, index, offers))
}

/** @param cancelled the ids of what the rows before cancel; those of this one are added. */
function outcomesOf(
  { ref, email, courseId }: CancelPendingRow,
  index: number,
  found: readonly StoredPending[],
  cancelled: Set<string>,
): CancelPendingOutcome[] {
  const place = { index, ...(ref !== undefined && { ref }) }
  if (found.length === 0) {
    const nothing = { pendingId: null, enrollmentId: null }
    return [{ ...place, email, courseId: courseId ?? null, outcome: 'notFound', ...nothing }]
  }
  return found.map((pending) => {
    const state = cancelled.has(pending.id) ? 'cancelled' : pending.state
    if (state === 'waiting') cancelled.add(pending.id)
    return {
      ...place,
      email: pending.email,
      courseId: pending.courseKey,
      outcome: OUTCOMES[state],
      pendingId: pending.id,
      enrollmentId: pending.enrollmentId,
    }
  })
}

const OUTCOMES: Readonly<Record<PendingState, CancelPendingOutcome['outcome']>> = {
  waiting: 'cancelled',
  cancelled: 'alreadyCancelled',
  fulfilled: 'alreadyFulfilled',
  refused: 'alreadyRefused',
}
