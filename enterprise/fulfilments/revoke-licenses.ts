import { z } from 'zod'
import { storableText } from '../../routers/extension.ts'
import { type Context } from '../../routers/index.ts'
import { findCustomer } from '../customer.ts'
import { lockPeople } from '../bulk/resolve-learners.ts'
import { EnterpriseError } from '../errors.ts'
import { parseRequest } from '../parse-request.ts'
import { endLicenses } from './end-licenses.ts'
import type { LicenseResult } from './license-result.ts'
import { carryOutWhole, operationOf } from './operation.ts'
import { readPaid } from './funded-enrollments.ts'

/** What `revokeLicenses` takes. */
const revokeLicensesRequest = z.strictObject({
  /** The UUID of the customer. */
  customer: z.string().min(1),
  /** Any text: what no account is called is nobody who is linked. */
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
  /** One for each course run that a license pays for, in the order in which they came. */
  courses: LicenseResult[]
}

/**
 * Revokes the licenses of a learner of a customer (enterprise C.9 row 2), course by course: one that is completed stays as
 * it is, with its license; of the others the learner keeps the audit mode where that is offered, and is unenrolled where
 * it is not. A course that fails is as it was, the others are done; a repeat leaves alone what is revoked. In a caller's
 * transaction everything happens there.
 *
 * This service knows no certificates: a course run is completed once it has ended, if the learner has not saved it for
 * later.
 *
 * @throws {EnterpriseError} `invalidRequest`, `customerNotFound`, `learnerNotLinked`: nothing was done
 * @throws {EnrollmentError} `unavailable`: nothing was done
 */
export async function revokeLicenses(context: Context, request: RevokeLicensesRequest): Promise<RevokeLicensesAnswer> {
  const { customer: uuid, learner, reason } = parseRequest(revokeLicensesRequest, request)
  const operation = operationOf(context, reason)
  return carryOutWhole(context.db, async (trx) => {
    const customer = await findCustomer(trx, uuid)
    const [person] = await lockPeople(trx, [learner], 'refuse')
    const learnerId = person?.is === 'account' ? person.id : null
    const link =
      learnerId !== null &&
      (await trx
        .selectFrom('enterprise_learner_links')
        .select('id')
        .where('customer_id', '=', customer.id)
        .where('learner_id', '=', learnerId)
        .where('is_linked', '=', true)
        .executeTakeFirst())
    if (!link || learnerId === null) throw new EnterpriseError('learnerNotLinked', { customer: uuid, learner })
    const paid = await readPaid(trx, { kind: 'license', customerId: customer.id, learnerId })
    const courses = await endLicenses(trx, paid, operation, null)
    return { requestId: operation.requestId, ok: courses.every(({ success }) => success), courses }
  })
}
