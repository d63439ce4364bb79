import { CompiledQuery, type Transaction } from 'kysely'
import { failure } from '../../core/errors.ts'
import type { BatchContext } from '../bulk/batch-context.ts'
import type { RequestedRow } from '../bulk/request.ts'
import type { EnterpriseDB } from '../database/schema.ts'
import { refusalFrom } from '../refusal.ts'
import type { LearnerAccount, RowLearner } from './resolve-learners.ts'

/**
 * Replaces the learners whom rows name by `userId` and who are not linked with the customer now, where the request asks for
 * that (enterprise-routes §3(c)): they are not to be told from ids that nobody has. The same statement is sent whoever is found.
 *
 * @param learners one per row, in order; their accounts are locked.
 */
export async function withoutStrangers(
  trx: Transaction<EnterpriseDB>,
  rows: readonly Pick<RequestedRow, 'userId' | 'email'>[],
  learners: readonly RowLearner[],
  { customer, options }: Pick<BatchContext, 'customer' | 'options'>,
): Promise<readonly RowLearner[]> {
  if (options.userIdsOf === 'everybody' || rows.every(({ userId }) => userId === undefined)) return learners
  const ids = learners.filter(isAccount).map(({ id }) => id)
  const { rows: links } = await trx.executeQuery<{ learner_id: number }>(
    CompiledQuery.raw(READ_LINKED, [customer.id, [...new Set(ids)]]),
  )
  const linked = new Set(links.map((link) => link.learner_id))
  return learners.map((learner, index): RowLearner => {
    const { userId, email = null } = rows[index] ?? {}
    if (userId === undefined || (isAccount(learner) && linked.has(learner.id))) return learner
    return { is: 'unknown', email, refusal: refusalFrom(failure('learnerNotFound', { userId })) }
  })
}

function isAccount(learner: RowLearner): learner is LearnerAccount {
  return learner.is === 'account'
}

const READ_LINKED = `/* enterprise.linkedLearners */
select learner_id from enterprise_learner_links
where customer_id = $1::integer and learner_id = any ((select $2::integer[])::integer[])
  and is_linked and not is_permanently_unlinked`
