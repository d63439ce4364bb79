import type { Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import { EnrollmentError, failure } from '../../core/errors.ts'
import type { ForeignContext } from '../../routers/index.ts'
import { countBy } from '../count-by.ts'
import { findCustomer } from '../customer.ts'
import type { EnterpriseDB } from '../database/schema.ts'
import { operationContextOf, runAtomically, runOperation } from '../operation.ts'
import { parseRequest } from '../parse-request.ts'
import {
  endEnrollmentsRequest,
  type EndEnrollmentsAnswer,
  type EndEnrollmentsRequest,
  type EndOutcome,
} from './end-request.ts'
import { endRows } from './end-rows.ts'

/** The most rows of a transaction of its own. */
const CHUNK = 1000

/**
 * Ends enrollments of learners who are linked with a customer (enterprise-routes.md §2.6): the enrollment is deactivated in the
 * mode that it has, unless another customer pays for it; the record of the customer is unenrolled and what paid for it revoked.
 * What waits for the address is cancelled. A learner who is not linked keeps the enrollment. A repeat changes nothing.
 *
 * On a pool, rows run in chunks of a thousand that each have a transaction. In a caller's transaction everything happens there.
 *
 * @throws {EnterpriseError} `invalidRequest`, `customerNotFound`: nothing was done
 * @throws {EnrollmentError} `unavailable`: on a pool some chunks may be done, and the call is safe to repeat
 * @throws {TypeError} for a database that cannot work
 */
export async function endEnrollments<Tables extends DB>(
  context: ForeignContext<Tables>,
  request: EndEnrollmentsRequest,
): Promise<EndEnrollmentsAnswer> {
  const { customer: uuid, rows, reason } = parseRequest(endEnrollmentsRequest, request)
  const endAll = async (db: Kysely<EnterpriseDB>, isGivenUp: () => boolean) => {
    const customer = await findCustomer(db, uuid)
    const operation = operationContextOf(context, { reason })
    const size = db.isTransaction ? rows.length : CHUNK
    const outcomes: EndOutcome[] = []
    for (let start = 0; start < rows.length; start += size) {
      if (isGivenUp()) throw new EnrollmentError(failure('unavailable', {}))
      const chunk = rows.slice(start, start + size)
      const ended = await runAtomically(db, (trx) => endRows(trx, customer, chunk, operation))
      outcomes.push(...ended.map((outcome) => ({ ...outcome, index: start + outcome.index })))
    }
    return { requestId: operation.requestId, counts: countBy(outcomes, ({ outcome }) => outcome), rows: outcomes }
  }
  return runOperation(context, endAll, { isLong: true })
}
