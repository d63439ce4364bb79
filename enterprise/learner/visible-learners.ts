import { CompiledQuery, type Kysely } from 'kysely'
import { failure } from '../../core/errors.ts'
import type { RequestedRow } from '../bulk/request.ts'
import type { EnterpriseDB } from '../database/schema.ts'
import { refusalFrom } from '../refusal.ts'
import type { RowLearner } from './resolve-learners.ts'

/**
 * Leaves of accounts only what somebody may know who acts for a customer and is not staff (enterprise C.0 E11,
 * enterprise-routes.md §3 c): a userId means nobody unless that learner is linked with the customer now, in the same words as
 * one that does not exist; and a refusal of an address shows no more than was sent.
 *
 * @param learners those that the rows name, in order; their accounts are locked where they are to be changed.
 */
export async function hideUnlinkedLearners(
  db: Kysely<EnterpriseDB>,
  customerId: number,
  rows: readonly Pick<RequestedRow, 'userId' | 'username' | 'email'>[],
  learners: readonly RowLearner[],
): Promise<RowLearner[]> {
  const ids = learners.flatMap((learner) => (learner.is === 'account' ? learner.id : []))
  const linked = await readLinkedLearners(db, customerId, ids)
  return learners.map((learner, index) => {
    if (learner.is !== 'account' || linked.has(learner.id)) return learner
    const { userId, email = null } = rows[index] ?? {}
    if (userId === undefined) return { ...learner, shownAs: email }
    return { is: 'unknown', email, refusal: refusalFrom(failure('learnerNotFound', { userId })) }
  })
}

/** Which of the learners a customer is linked with now. */
export async function readLinkedLearners(
  db: Kysely<EnterpriseDB>,
  customerId: number,
  learnerIds: readonly number[],
): Promise<ReadonlySet<number>> {
  if (learnerIds.length === 0) return new Set()
  const { rows } = await db.executeQuery<{ learner_id: number }>(CompiledQuery.raw(LINKED, [customerId, learnerIds]))
  return new Set(rows.map(({ learner_id }) => learner_id))
}

const LINKED = `/* enterprise.linkedLearners */
select learner_id from enterprise_learner_links
where customer_id = $1 and is_linked and learner_id = any ((select $2::integer[])::integer[])`
