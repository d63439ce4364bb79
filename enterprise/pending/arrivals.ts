import { CompiledQuery, type Kysely, type Transaction } from 'kysely'
import { inTransaction, retryOnSerializationFailure } from '../../routers/extension.ts'
import type { EnterpriseDB } from '../database/schema.ts'

/**
 * Hands open links of addresses over to accounts that have arrived: each link becomes one of the account, as linked or
 * unlinked as it was, and what waits behind it is due. A link that customer and account have already is left as it is,
 * and nobody's active customer changes. Accounts that somebody holds locked are left for the next time.
 *
 * @param step.limit the most arrivals that are looked at.
 * @param step.at an instant, ISO 8601.
 * @returns how many arrivals were looked at; zero where none can be now.
 */
export async function applyArrivals(db: Kysely<EnterpriseDB>, step: { limit: number; at: string }): Promise<number> {
  return retryOnSerializationFailure(db, () => inTransaction(db, (trx) => apply(trx, step)))
}

async function apply(trx: Transaction<EnterpriseDB>, { limit, at }: { limit: number; at: string }): Promise<number> {
  const { rows: arrivals } = await trx.executeQuery<Arrival>(CompiledQuery.raw(ARRIVALS, [limit]))
  if (arrivals.length === 0) return 0
  const learners = [...new Map(arrivals.map((arrival) => [arrival.learner_id, arrival])).values()]
  const emails = learners.map(({ email }) => email)
  await trx.executeQuery(CompiledQuery.raw(LINKS, [emails]))
  await trx.executeQuery(
    CompiledQuery.raw(PASS_ON, [
      learners.map(({ learner_id }) => learner_id),
      emails,
      at,
      arrivals.map(({ arrival_id }) => arrival_id),
    ]),
  )
  return arrivals.length
}

interface Arrival {
  arrival_id: string
  learner_id: number
  /** Null: the account has no address any more. */
  email: string | null
}

// The accounts are locked before the links, as everywhere; a locked account is not waited for.
const ARRIVALS = `/* enterprise.arrivals */
select a.id as arrival_id, l.id as learner_id, fold_email(l.email) as email
from enterprise_arrivals a join learners l on l.id = a.learner_id
order by a.id limit $1::integer
for update of a skip locked for no key update of l skip locked`

const LINKS = `/* enterprise.openLinks */
select id from enterprise_pending_links where email = any ((select $1::text[])::text[]) and taken_by is null
order by email, customer_id for no key update`

// A learner has one active customer at most: the first of several that come at once.
const PASS_ON = `/* enterprise.passOn */
with taken as materialized (
  select k.id, k.customer_id, a.learner_id, k.is_linked, k.is_permanently_unlinked
  from unnest((select $1::integer[]), (select $2::text[])) as a (learner_id, email)
  join enterprise_pending_links k on k.email = a.email and k.taken_by is null
), links as (
  insert into enterprise_learner_links (learner_id, customer_id, is_linked, is_permanently_unlinked, is_active, created,
    updated)
  select t.learner_id, t.customer_id, t.is_linked, t.is_permanently_unlinked,
    t.is_linked and row_number() over (partition by t.learner_id order by not t.is_linked, t.id) = 1
      and not exists (select from enterprise_learner_links l where l.learner_id = t.learner_id and l.is_active),
    $3::timestamptz, $3::timestamptz
  from taken t order by t.learner_id, t.customer_id
  on conflict (learner_id, customer_id) do nothing
), passed_on as (
  update enterprise_pending_links k set taken_by = t.learner_id from taken t where k.id = t.id
), due as (
  update enterprise_pending_enrollments p set next_attempt = $3::timestamptz from taken t
  where p.pending_link_id = t.id and p.state = 'waiting' and p.next_attempt is null
)
delete from enterprise_arrivals where id = any ((select $4::bigint[])::bigint[])`
