import type { DB } from '../core/database/schema.ts'
import type { ForeignContext } from '../routers/index.ts'
import { readOffers, type Offers } from './bulk/facts-offers.ts'
import { findActiveCustomer } from './customer.ts'
import { callerOn, operationContextOf, runOperation } from './operation.ts'

/**
 * Reads a customer with those course runs of its catalogue that are named. Every course run that there is belongs to it
 * (enterprise-routes.md §2.6).
 *
 * @param courseIds any texts; null stands for what is no course run.
 * @throws {EnterpriseError} `customerNotFound`
 * @throws {EnrollmentError} `unavailable`
 */
export async function readCatalogue<Tables extends DB>(
  context: ForeignContext<Tables>,
  customer: string,
  courseIds: readonly string[],
): Promise<{ customer: Awaited<ReturnType<typeof findActiveCustomer>>; offers: Offers }> {
  return runOperation(context, async (db) => ({
    customer: await findActiveCustomer(db, customer),
    offers: await readOffers(callerOn(db, operationContextOf(context, { reason: undefined })), courseIds),
  }))
}
