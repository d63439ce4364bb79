import { z } from 'zod'
import type { DB } from '../../core/database/schema.ts'
import type { ForeignContext } from '../../routers/index.ts'
import { findCustomer } from '../customer.ts'
import { runOperation } from '../operation.ts'
import { parseRequest } from '../parse-request.ts'
import { canonicalUuid } from '../uuid.ts'
import { readFulfilments, type FulfilmentDetails } from './read-fulfilments.ts'

/** What `getFulfilment` takes. */
const getFulfilmentRequest = z.strictObject({
  /** Any text: what is no UUID is not found. */
  fulfilmentId: z.string(),
  /** The UUID of the customer: a fulfilment of another is not found then. */
  customer: z.string().optional(),
})

export type GetFulfilmentRequest = z.input<typeof getFulfilmentRequest>

/**
 * Reads what pays for an enrollment, revoked or not (enterprise-routes.md §2.3).
 *
 * @returns null where there is no such fulfilment.
 * @throws {EnterpriseError} `invalidRequest`, `customerNotFound`
 * @throws {EnrollmentError} `unavailable`
 * @throws {TypeError} for a database that cannot work
 */
export async function getFulfilment<Tables extends DB>(
  context: Pick<ForeignContext<Tables>, 'db'>,
  request: GetFulfilmentRequest,
): Promise<FulfilmentDetails | null> {
  const { fulfilmentId: text, customer } = parseRequest(getFulfilmentRequest, request)
  const fulfilmentId = canonicalUuid(text)
  return runOperation(context, async (db) => {
    const owner = customer === undefined ? undefined : (await findCustomer(db, customer)).uuid
    if (fulfilmentId === null) return null
    const [found] = await readFulfilments(db, { fulfilmentId, customer: owner })
    return found ?? null
  })
}
