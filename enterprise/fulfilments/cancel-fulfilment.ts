import { z } from 'zod'
import type { DB } from '../../core/database/schema.ts'
import { storableText } from '../../routers/extension.ts'
import type { ForeignContext } from '../../routers/index.ts'
import { findCustomer } from '../customer.ts'
import { operationContextOf, runAtomically, runOperation } from '../operation.ts'
import { parseRequest } from '../parse-request.ts'
import { isRetryable, type Refusal } from '../refusal.ts'
import { canonicalUuid } from '../uuid.ts'
import { lockFundedEnrollments } from './funded-enrollments.ts'
import { revokeEnrollments, type RevocationResult } from './revoke-enrollments.ts'

/** What `cancelFulfilment` takes. */
const cancelFulfilmentRequest = z.strictObject({
  /** Any text: what is no UUID is not found. */
  fulfilmentId: z.string(),
  /** The UUID of the customer: a fulfilment of another is not found then. */
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
      /** The event of the enrollment; null: it was inactive already, or stays. */
      eventId: string | null
      /** Whether the enrollment stays active because something else pays for it. */
      isFundedOtherwise: boolean
    }
  | { outcome: 'alreadyRevoked'; fulfilmentId: string }
  | { outcome: 'fulfilmentNotFound' }
  | ({ outcome: 'refused'; retryable: boolean } & Pick<Refusal, 'code' | 'message' | 'details'>)

/**
 * Cancels what a fulfilment pays for (enterprise C.9 row 1): the fulfilment is revoked, and if nothing else pays for the
 * enrollment, that is deactivated in the mode that it has and the record unenrolled. All of it happens or nothing, on a pool and in a caller's transaction
 * alike; a repeat does nothing.
 *
 * @returns `refused`: nothing was done.
 * @throws {EnterpriseError} `invalidRequest`, `customerNotFound`
 * @throws {EnrollmentError} `unavailable`
 * @throws {TypeError} for a database that cannot work
 */
export async function cancelFulfilment<Tables extends DB>(
  context: ForeignContext<Tables>,
  request: CancelFulfilmentRequest,
): Promise<CancelFulfilmentAnswer> {
  const { fulfilmentId: text, customer, reason } = parseRequest(cancelFulfilmentRequest, request)
  const fulfilmentId = canonicalUuid(text)
  return runOperation(context, (db) => {
    const operation = operationContextOf(context, { reason })
    return runAtomically(db, async (trx) => {
      const customerId = customer === undefined ? undefined : (await findCustomer(trx, customer)).id
      if (fulfilmentId === null) return { outcome: 'fulfilmentNotFound' }
      const [funded] = await lockFundedEnrollments(trx, { fulfilmentIds: [fulfilmentId], customerId })
      if (funded === undefined) return { outcome: 'fulfilmentNotFound' }
      if (funded.isRevoked) return { outcome: 'alreadyRevoked', fulfilmentId }
      const [result] = await revokeEnrollments(trx, [{ funded, by: 'unenrolling' }], operation)
      if (result === undefined) throw new RangeError('One revocation has one result')
      return answerOf(result)
    })
  })
}

function answerOf(result: RevocationResult): CancelFulfilmentAnswer {
  if (!result.ok) {
    const { code, message, details } = result.refusal
    return { outcome: 'refused', code, message, details, retryable: isRetryable(code) }
  }
  const { version, eventId, isFundedOtherwise } = result
  if (version === null) throw new RangeError('An enrollment that is not kept for its own sake has a version')
  const { fulfilmentId, enrollmentId } = result.revocation.funded
  return { outcome: 'cancelled', fulfilmentId, enrollmentId, version, eventId, isFundedOtherwise }
}
