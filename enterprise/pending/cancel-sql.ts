import { CompiledQuery, type Transaction } from 'kysely'
import type { EnterpriseDB } from '../database/schema.ts'
import type { OperationContext } from '../operation.ts'
import type { PendingState } from './list.ts'

/** What a row of a request names. */
export interface NamedPending {
  /** The place of the row in the request. */
  readonly index: number
  /** Folded. */
  readonly email: string
  /** Null: every course run. */
  readonly courseKey: string | null
}

/** A pending enrollment as it is. */
export interface StoredPending {
  readonly id: string
  readonly email: string
  readonly courseKey: string
  readonly state: PendingState
  readonly enrollmentId: string | null
}

/**
 * Locks the links of a customer with addresses, in the order of the addresses, and reads what is pending behind them: nobody
 * else changes it until the transaction ends.
 *
 * @returns what each row names, by the place of the row, in the order of the course keys.
 */
export async function lockAndReadPending(
  trx: Transaction<EnterpriseDB>,
  customerId: number,
  named: readonly NamedPending[],
): Promise<Map<number, StoredPending[]>> {
  const emails = named.map(({ email }) => email)
  await trx.executeQuery(CompiledQuery.raw(LOCK, [customerId, [...new Set(emails)]]))
  const { rows } = await trx.executeQuery<StoredPending & { index: number }>(
    CompiledQuery.raw(READ, [
      customerId,
      named.map(({ index }) => index),
      emails,
      named.map(({ courseKey }) => courseKey),
    ]),
  )
  return Map.groupBy(rows, ({ index }) => index)
}

const LOCK = `/* enterprise.lockPendingLinks */
select id from enterprise_pending_links
where customer_id = $1::integer and email = any ((select $2::text[])::text[])
order by email for no key update`

const READ = `/* enterprise.readPending */
select distinct a.index, p.id, k.email, p.course_key as "courseKey", p.state, p.enrollment_id as "enrollmentId"
from unnest((select $2::integer[]), (select $3::text[]), (select $4::text[])) as a (index, email, course_key)
join enterprise_pending_links k on k.email = a.email and k.customer_id = $1::integer
join enterprise_pending_enrollments p
  on p.pending_link_id = k.id and (a.course_key is null or p.course_key = a.course_key)
order by a.index, p.course_key`

/** Who cancels, when and why. */
interface Cancelling extends Pick<OperationContext, 'requestId' | 'at' | 'reason'> {
  readonly context: Pick<OperationContext['context'], 'actor'>
}

/** Cancels pending enrollments that wait, and whose links are locked. */
export async function writeCancellations(
  trx: Transaction<EnterpriseDB>,
  ids: readonly string[],
  operation: Cancelling,
): Promise<void> {
  if (ids.length === 0) return
  await trx.executeQuery(CompiledQuery.raw(CANCEL, [ids, operation.at]))
  await traceCancellations(trx, ids, operation)
}

const CANCEL = `/* enterprise.cancelPending */
update enterprise_pending_enrollments set state = 'cancelled', next_attempt = null, updated = $2::timestamptz
where id = any ((select $1::bigint[])::bigint[])`

/** Writes into the audit trail who cancelled pending enrollments, and why. */
export async function traceCancellations(
  trx: Transaction<EnterpriseDB>,
  ids: readonly string[],
  { context: { actor }, requestId, reason, at }: Cancelling,
): Promise<void> {
  if (ids.length === 0) return
  await trx.executeQuery(CompiledQuery.raw(TRACE, [ids, actor.kind, actor.name, requestId, reason, at]))
}

const TRACE = `/* enterprise.traceCancellations */
insert into enterprise_pending_cancellations (pending_id, license_uuid, transaction_uuid, actor_kind, actor_name,
  request_id, reason, at)
select id, license_uuid, transaction_id, $2::text, $3::text, $4::text, $5::text, $6::timestamptz
from enterprise_pending_enrollments where id = any ((select $1::bigint[])::bigint[])
order by id`
