import { CompiledQuery, type Transaction } from 'kysely'
import type { DB } from '../../core/database/schema.ts'

/** Where something waits or may wait. */
export interface PendingPlace {
  readonly customerId: number
  /** Folded. */
  readonly email: string
  readonly courseKey: string
  /** The account that the address has by now; it is locked. */
  readonly learnerId: number | null
}

/** What is stored at a place. */
export interface StoredPending {
  /** Null: the customer has no link with the address. */
  readonly link_id: string | null
  /** Null together with what follows: nothing was ever asked for. */
  readonly id: string | null
  readonly state: string
  readonly license_uuid: string | null
  readonly transaction_id: string | null
  /** Of a row that was imported. */
  readonly salesforce_id: string | null
  /** That of the row, or else of its request. */
  readonly salesforceId: string | null
  readonly created: string | null
}

/** Locks the links of places, in the order of the addresses, and reads what is stored at each. */
export async function lockAndReadStored(
  trx: Transaction<DB>,
  places: readonly PendingPlace[],
): Promise<(place: PendingPlace) => StoredPending> {
  const [customers, emails] = [places.map(({ customerId }) => customerId), places.map(({ email }) => email)]
  await trx.executeQuery(CompiledQuery.raw(LOCK, [customers, emails]))
  const keys = places.map(({ courseKey }) => courseKey)
  const { rows } = await trx.executeQuery<StoredPending>(CompiledQuery.raw(READ, [customers, emails, keys]))
  const stored = new Map(places.map((place, index) => [nameOf(place), rows[index]]))
  return (place) => {
    const found = stored.get(nameOf(place))
    if (found === undefined) throw new RangeError('Each place has one row')
    return found
  }
}

function nameOf({ customerId, email, courseKey }: PendingPlace): string {
  return `${customerId} ${email} ${courseKey}`
}

const LOCK = `/* enterprise.lockImportedLinks */
select k.id from enterprise_pending_links k
where (k.email, k.customer_id) in (select email, customer_id from unnest((select $1::integer[]), (select $2::text[])) as a (customer_id, email))
order by k.email for no key update`

const READ = `/* enterprise.importedPending */
select k.id as link_id, p.id, p.state, p.license_uuid, p.transaction_id, p.salesforce_id,
  coalesce(p.salesforce_id, b.salesforce_id) as "salesforceId", p.created
from unnest((select $1::integer[]), (select $2::text[]), (select $3::text[])) with ordinality
  as a (customer_id, email, course_key, n)
left join enterprise_pending_links k on k.email = a.email and k.customer_id = a.customer_id
left join enterprise_pending_enrollments p on p.pending_link_id = k.id and p.course_key = a.course_key
left join enterprise_batches b on b.id = p.batch_id
order by a.n`

/**
 * Opens the links behind which something new will wait, and lets the accounts arrive that their addresses have by now. A link
 * that is not there yet is as linked as that of the account.
 *
 * @returns the id of the link of a place.
 */
export async function linkNew(
  trx: Transaction<DB>,
  places: readonly PendingPlace[],
  storedAt: (place: PendingPlace) => StoredPending,
  at: string,
): Promise<(place: PendingPlace) => string> {
  const links = new Map<string, string>()
  const name = ({ customerId, email }: PendingPlace) => `${customerId} ${email}`
  if (places.length > 0) {
    const values = [
      places.map(({ customerId }) => customerId),
      places.map(({ email }) => email),
      places.map(({ learnerId }) => learnerId),
    ]
    const { rows } = await trx.executeQuery<{ id: string; customer_id: number; email: string }>(
      CompiledQuery.raw(OPEN, [...values, at]),
    )
    for (const row of rows) links.set(`${row.customer_id} ${row.email}`, row.id)
    await trx.executeQuery(CompiledQuery.raw(ARRIVE, [places.flatMap(({ learnerId }) => learnerId ?? [])]))
  }
  return (place) => {
    const id = links.get(name(place)) ?? storedAt(place).link_id
    if (id === null) throw new RangeError('Each place has a link')
    return id
  }
}

const OPEN = `/* enterprise.openImportedLinks */
insert into enterprise_pending_links (email, customer_id, is_linked, is_permanently_unlinked, created)
select a.email, a.customer_id, coalesce(bool_and(k.is_linked), true), coalesce(bool_or(k.is_permanently_unlinked), false),
  $4::timestamptz
from unnest((select $1::integer[]), (select $2::text[]), (select $3::integer[])) with ordinality
  as a (customer_id, email, learner_id, n)
left join enterprise_learner_links k on k.learner_id = a.learner_id and k.customer_id = a.customer_id
group by a.email, a.customer_id
order by min(a.n)
on conflict (email, customer_id) do update set taken_by = null
returning id, customer_id, email`

const ARRIVE = `/* enterprise.arriveImported */
insert into enterprise_arrivals (learner_id)
select distinct l.id from unnest((select $1::integer[])) as l (id)
where not exists (select from enterprise_arrivals a where a.learner_id = l.id)`
