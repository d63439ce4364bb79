import type { Transaction } from 'kysely'
import { z } from 'zod'
import type { DB } from '../../core/database/schema.ts'
import { storableText } from '../../routers/extension.ts'
import type { ForeignContext } from '../../routers/index.ts'
import { findCustomer, type Customer } from '../customer.ts'
import type { EnterpriseDB } from '../database/schema.ts'
import { EnterpriseError } from '../errors.ts'
import { resolveLearners } from '../learner/resolve-learners.ts'
import { operationContextOf, runAtomically, runOperation } from '../operation.ts'
import { parseRequest } from '../parse-request.ts'
import { readFundedEnrollments } from './funded-enrollments.ts'
import type { LicenseResult } from './license-result.ts'
import { applyLicenseRule } from './license-rule.ts'

/** What `revokeLicenses` takes. */
const revokeLicensesRequest = z.strictObject({
  /** The UUID of the customer. */
  customer: z.string().min(1),
  /** Any text: a name that no account has is that of nobody who is linked. */
  learner: z.union([
    z.strictObject({ userId: z.string().min(1) }),
    z.strictObject({ username: z.string().min(1) }),
    z.strictObject({ email: z.string().trim().min(1) }),
  ]),
  reason: storableText(2000).optional(),
})

export type RevokeLicensesRequest = z.input<typeof revokeLicensesRequest>

export interface RevokeLicensesAnswer {
  requestId: string
  /** Whether no course failed. */
  ok: boolean
  /** One for each course run that a license pays for, in the order in which they were recorded. */
  courses: LicenseResult[]
}

/**
 * Revokes the licenses of a learner of a customer (enterprise C.9 row 2), course by course: one that is completed stays as
 * it is, with its license; of the others the learner keeps the audit mode where that is offered, and is unenrolled where
 * it is not. A course that fails is as it was, the others are done; a repeat leaves alone what is revoked. In a caller's
 * transaction everything happens there.
 *
 * A course run is completed once it has ended or the learner has passed it, if they have not saved it for later. An enrollment
 * that something else pays for stays as it is.
 *
 * @throws {EnterpriseError} `invalidRequest`, `customerNotFound`, `learnerNotLinked`: nothing was done
 * @throws {EnrollmentError} `unavailable`: nothing was done
 * @throws {TypeError} for a database that cannot work
 */
export async function revokeLicenses<Tables extends DB>(
  context: ForeignContext<Tables>,
  request: RevokeLicensesRequest,
): Promise<RevokeLicensesAnswer> {
  const { customer: uuid, learner, reason } = parseRequest(revokeLicensesRequest, request)
  return runOperation(context, (db) => {
    const operation = operationContextOf(context, { reason })
    return runAtomically(db, async (trx) => {
      const customer = await findCustomer(trx, uuid)
      const learnerId = await lockLinkedLearner(trx, customer, learner)
      if (learnerId === null) throw new EnterpriseError('learnerNotLinked', { customer: uuid, learner })
      const funded = await readFundedEnrollments(trx, { kind: 'license', customerId: customer.id, learnerId })
      const courses = await applyLicenseRule(trx, funded, operation, null)
      return { requestId: operation.requestId, ok: courses.every(({ success }) => success), courses }
    })
  })
}

/** @returns the id of the learner, whose account is locked; null: the customer is not linked with them. */
async function lockLinkedLearner(
  trx: Transaction<EnterpriseDB>,
  customer: Customer,
  names: z.output<typeof revokeLicensesRequest>['learner'],
): Promise<number | null> {
  const [learner] = await resolveLearners(trx, [names], 'refuse')
  if (learner?.is !== 'account') return null
  const link = await trx
    .selectFrom('enterprise_learner_links')
    .select('id')
    .where('customer_id', '=', customer.id)
    .where('learner_id', '=', learner.id)
    .where('is_linked', '=', true)
    .executeTakeFirst()
  return link === undefined ? null : learner.id
}
