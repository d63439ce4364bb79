import { z } from 'zod'
import type { DB } from '../../core/database/schema.ts'
import type { ForeignContext } from '../../routers/index.ts'
import { runOperation } from '../operation.ts'
import { parseRequest } from '../parse-request.ts'
import { readFulfilments, type FulfilmentDetails } from './read-fulfilments.ts'

/** What `listUnenrolled` takes. */
const listUnenrolledRequest = z.strictObject({
  kind: z.enum(['license', 'transaction']),
  /** ISO 8601 with an offset; enrollments that ended then count too. Left out: whenever they ended. */
  since: z.iso.datetime({ offset: true }).optional(),
})

export type ListUnenrolledRequest = z.input<typeof listUnenrolledRequest>

/**
 * Lists what paid for enrollments that have ended, of all customers (enterprise-routes.md §2.5): whoever keeps the ledger gives
 * the money back. An enrollment that is active again, or goes on in audit, is not in it; a transaction whose place another took
 * is.
 *
 * @returns those that ended first first; of one instant by their UUIDs.
 * @throws {EnterpriseError} `invalidRequest`
 * @throws {EnrollmentError} `unavailable`
 * @throws {TypeError} for a database that cannot work
 */
export async function listUnenrolled<Tables extends DB>(
  context: Pick<ForeignContext<Tables>, 'db'>,
  request: ListUnenrolledRequest,
): Promise<FulfilmentDetails[]> {
  const { kind, since = null } = parseRequest(listUnenrolledRequest, request)
  return runOperation(context, (db) => readFulfilments(db, { kind, unenrolledSince: since }))
}
