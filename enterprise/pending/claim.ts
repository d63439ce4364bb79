import { CompiledQuery, type Kysely } from 'kysely'
import type { Customer } from '../customer.ts'
import type { EnterpriseDB } from '../database/schema.ts'

/** Rows of one customer that no other process tries for a while. */
export interface Claim {
  readonly customer: Customer
  readonly ids: readonly string[]
}

/**
 * Claims rows that are due: those of the customer whose row has been due the longest. The claim is kept at once and is the
 * back-off as well: whatever becomes of the process that has it, a row is due again 30 s later, then after twice as long each
 * time, an hour at most. A row that has failed three times is claimed alone, so that it holds up no others.
 *
 * @param step.limit the most rows.
 * @param step.at an instant, ISO 8601.
 * @returns null: nothing is due that is not claimed.
 */
export async function claimDue(
  db: Kysely<EnterpriseDB>,
  { limit, at }: { limit: number; at: string },
): Promise<Claim | null> {
  const { rows } = await db.executeQuery<ClaimedRow>(CompiledQuery.raw(CLAIM, [at, limit]))
  const [first] = rows
  if (first === undefined) return null
  return { customer: { id: first.customer_id, uuid: first.uuid }, ids: rows.map(({ id }) => id) }
}

interface ClaimedRow {
  id: string
  customer_id: number
  uuid: string
}

// Looks for others of the customer among the next ten thousand.
const CLAIM = `/* enterprise.claimDue */
with next as materialized (
  select p.id, p.attempts, k.customer_id
  from enterprise_pending_enrollments p join enterprise_pending_links k on k.id = p.pending_link_id
  where p.next_attempt <= $1::timestamptz
  order by p.next_attempt, p.id limit 1
  for no key update of p skip locked
), near as materialized (
  select p.id, p.attempts, k.customer_id
  from enterprise_pending_enrollments p join enterprise_pending_links k on k.id = p.pending_link_id
  where p.next_attempt <= $1::timestamptz
  order by p.next_attempt, p.id limit 10000
), claimed as materialized (
  select p.id, n.customer_id
  from next n join near o on o.customer_id = n.customer_id join enterprise_pending_enrollments p on p.id = o.id
  where p.next_attempt <= $1::timestamptz and (p.id = n.id or (n.attempts < 3 and o.attempts < 3))
  limit $2::integer
  for no key update of p skip locked
)
update enterprise_pending_enrollments p
set attempts = p.attempts + 1,
  next_attempt = $1::timestamptz + least(interval '30 s' * 2 ^ least(p.attempts, 7), interval '1 h')
from claimed c join enterprise_customers u on u.id = c.customer_id
where p.id = c.id
returning p.id, u.id as customer_id, u.uuid`
