import { z } from 'zod'
import { storableText } from '../../routers/extension.ts'
import { type Context } from '../../routers/index.ts'
import { findCustomer } from '../customer.ts'
import { isRetryable, type Refusal } from '../bulk/refusal.ts'
import { parseRequest } from '../parse-request.ts'
import { canonicalUuid } from '../uuid.ts'
import { endEnrollments, type Ended } from './revoke.ts'
import { carryOutWhole, operationOf } from './operation.ts'
import { lockPaid } from './funded-enrollments.ts'

/** What `cancelFulfilment` takes. */
const cancelFulfilmentRequest = z.strictObject({
  /** Any text: what is no UUID is nobody's fulfilment. */
  fulfilmentId: z.string(),
  /** The UUID of the customer; what is another's is not found then. */
  customer: z.string().optional(),
  reason: storableText(2000).optional(),
})

export type CancelFulfilmentRequest = z.input<typeof cancelFulfilmentRequest>

export type CancelFulfilmentAnswer =
  | {
      outcome: 'cancelled'
      fulfilmentId: string
      enrollmentId: string
      /** The version of the enrollment. */
      version: number
      /** The event of the enrollment; null: it was inactive already. */
      eventId: string | null
    }
  | { outcome: 'alreadyRevoked'; fulfilmentId: string }
  | { outcome: 'fulfilmentNotFound' }
  | ({ outcome: 'refused'; retryable: boolean } & Pick<Refusal, 'code' | 'message' | 'details'>)

/**
 * Cancels what a fulfilment pays for (enterprise C.9 row 1): the enrollment is deactivated in the mode that it has, the
 * record is unenrolled, its fulfilments are revoked. All of it happens or nothing, on a pool and in a caller's transaction
 * alike; a repeat does nothing.
 *
 * @returns `refused`: nothing was done.
 * @throws {EnterpriseError} `invalidRequest`, `customerNotFound`
 * @throws {EnrollmentError} `unavailable`
 */
export async function cancelFulfilment(
  context: Context,
  request: CancelFulfilmentRequest,
): Promise<CancelFulfilmentAnswer> {
  const { fulfilmentId: text, customer, reason } = parseRequest(cancelFulfilmentRequest, request)
  const operation = operationOf(context, reason)
  const fulfilmentId = canonicalUuid(text)
  return carryOutWhole(context.db, async (trx) => {
    const customerId = customer === undefined ? undefined : (await findCustomer(trx, customer)).id
    if (fulfilmentId === null) return { outcome: 'fulfilmentNotFound' }
    const [paid] = await lockPaid(trx, { fulfilmentIds: [fulfilmentId], customerId })
    if (paid === undefined) return { outcome: 'fulfilmentNotFound' }
    if (paid.isRevoked) return { outcome: 'alreadyRevoked', fulfilmentId }
    const [ended] = await endEnrollments(trx, [{ paid, by: 'unenrolling' }], operation)
    if (ended === undefined) throw new RangeError('One end has one result')
    return answerOf(ended)
  })
}

function answerOf(ended: Ended): CancelFulfilmentAnswer {
  if (!ended.ok) {
    const { code, message, details } = ended.refusal
    return { outcome: 'refused', code, message, details, retryable: isRetryable(code) }
  }
  const { enrollment, eventId } = ended.outcome
  return {
    outcome: 'cancelled',
    fulfilmentId: ended.end.paid.fulfilmentId,
    enrollmentId: enrollment.id,
    version: enrollment.version,
    eventId,
  }
}
