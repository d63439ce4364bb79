import { CompiledQuery, type Transaction } from 'kysely'
import type { EnterpriseDB } from '../database/schema.ts'
import type { BatchContext } from './batch-context.ts'

/**
 * Links learners with a customer, who becomes the active one of each. Their accounts are locked, and none of them is
 * permanently unlinked from the customer.
 *
 * @returns the ids of the links by learner.
 */
export async function linkLearners(
  trx: Transaction<EnterpriseDB>,
  learnerIds: readonly number[],
  { customer, at }: Pick<BatchContext, 'customer' | 'at'>,
): Promise<Map<number, string>> {
  if (learnerIds.length === 0) return new Map()
  const values = [[...new Set(learnerIds)], customer.id, at]
  await trx.executeQuery(CompiledQuery.raw(DEACTIVATE_OTHERS, values))
  const { rows } = await trx.executeQuery<{ id: string; learner_id: number }>(CompiledQuery.raw(LINK_LEARNERS, values))
  return new Map(rows.map((row) => [row.learner_id, row.id]))
}

// A statement of its own: a learner has one active customer at any moment.
const DEACTIVATE_OTHERS = `/* enterprise.deactivateOthers */
update enterprise_learner_links set is_active = false, updated = $3::timestamptz
where learner_id = any ((select $1::integer[])::integer[]) and customer_id <> $2::integer and is_active`

const LINK_LEARNERS = `/* enterprise.linkLearners */
insert into enterprise_learner_links (learner_id, customer_id, is_active, created, updated)
select learner_id, $2::integer, true, $3::timestamptz, $3::timestamptz
from unnest((select $1::integer[])) as learner_id
order by learner_id
on conflict (learner_id, customer_id) do update
set is_linked = true, is_active = true, updated = excluded.updated
returning id, learner_id`

/** Links addresses again that were unlinked, or whose links were taken by accounts that have other addresses now. */
export async function linkAddresses(trx: Transaction<EnterpriseDB>, linkIds: readonly string[]): Promise<void> {
  if (linkIds.length === 0) return
  await trx.executeQuery(
    CompiledQuery.raw(
      `update enterprise_pending_links set is_linked = true, taken_by = null where id = any ($1::bigint[])`,
      [linkIds],
    ),
  )
}
