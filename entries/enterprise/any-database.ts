import type { DB } from '../../core/database/schema.ts'
import type { EnrollLearnersAnswer } from '../../enterprise/bulk/answer.ts'
import type { EnrollLearnersRequest } from '../../enterprise/bulk/request.ts'
import * as enterprise from '../../enterprise/enroll-learners.ts'
import * as cancelling from '../../enterprise/fulfilments/cancel-fulfilment.ts'
import * as expiring from '../../enterprise/fulfilments/expire-licenses.ts'
import * as revoking from '../../enterprise/fulfilments/revoke-licenses.ts'
import * as pending from '../../enterprise/pending/list.ts'
import { adoptDatabase } from '../../routers/extension.ts'
import type { Context, ForeignContext } from '../../routers/index.ts'

// The functions of enterprise on whatever `createCaller` takes (rpc §1): any pool, transaction or connection of Kysely over
// `pg` whose database has our tables. In a transaction of the caller everything happens there, after what was asked for before.

/**
 * Enrolls learners of a customer in course runs, each row with its outcome (enterprise C.4 to C.6, C.11).
 *
 * @throws {EnterpriseError} `invalidRequest`, `customerNotFound`: nothing was done
 * @throws {EnrollmentError} `idempotencyMismatch`; `unavailable`: safe to repeat
 */
export function enrollLearners<Tables extends DB>(
  context: ForeignContext<Tables>,
  request: EnrollLearnersRequest,
): Promise<EnrollLearnersAnswer> {
  return onOurs(context, (own) => enterprise.enrollLearners(own, request))
}

/**
 * Cancels what a fulfilment pays for: the learner is unenrolled, the fulfilment revoked (enterprise C.9 row 1).
 *
 * @throws {EnterpriseError} `invalidRequest`, `customerNotFound`
 * @throws {EnrollmentError} `unavailable`: nothing was done
 */
export function cancelFulfilment<Tables extends DB>(
  context: ForeignContext<Tables>,
  request: cancelling.CancelFulfilmentRequest,
): Promise<cancelling.CancelFulfilmentAnswer> {
  return onOurs(context, (own) => cancelling.cancelFulfilment(own, request))
}

/**
 * Revokes the licenses of a learner of a customer, course by course (enterprise C.9 row 2).
 *
 * @throws {EnterpriseError} `invalidRequest`, `customerNotFound`, `learnerNotLinked`: nothing was done
 * @throws {EnrollmentError} `unavailable`: nothing was done
 */
export function revokeLicenses<Tables extends DB>(
  context: ForeignContext<Tables>,
  request: revoking.RevokeLicensesRequest,
): Promise<revoking.RevokeLicensesAnswer> {
  return onOurs(context, (own) => revoking.revokeLicenses(own, request))
}

/**
 * Ends licenses that have expired (enterprise C.9 row 3).
 *
 * @throws {EnterpriseError} `invalidRequest`, `customerNotFound`: nothing was done
 * @throws {EnrollmentError} `unavailable`: on a pool some enrollments may be done, and the call is safe to repeat
 */
export function expireLicenses<Tables extends DB>(
  context: ForeignContext<Tables>,
  request: expiring.ExpireLicensesRequest,
): Promise<expiring.ExpireLicensesAnswer> {
  return onOurs(context, (own) => expiring.expireLicenses(own, request))
}

/**
 * Lists what a customer has asked for addresses without an account, a page at a time.
 *
 * @throws {EnterpriseError} `invalidRequest`, `customerNotFound`
 */
export async function listPending<Tables extends DB>(
  { db }: Pick<ForeignContext<Tables>, 'db'>,
  request: pending.ListPendingRequest,
): Promise<Awaited<ReturnType<typeof pending.listPending>>> {
  return adoptDatabase(db).run((own) => pending.listPending({ db: own }, request))
}

async function onOurs<Tables extends DB, A>(
  { db, ...context }: ForeignContext<Tables>,
  work: (context: Context) => Promise<A>,
): Promise<A> {
  return adoptDatabase(db).run((own) => work({ ...context, db: own }))
}
