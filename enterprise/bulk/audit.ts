import { CompiledQuery, type Transaction } from 'kysely'
import type { EnterpriseDB } from '../database/schema.ts'
import type { Unit } from './unit.ts'

/** Keeps who asked for what, once for a request. Comes before whatever names the batch. */
export async function recordBatch(trx: Transaction<EnterpriseDB>, unit: Unit): Promise<void> {
  await trx
    .insertInto('enterprise_batches')
    .values({
      id: unit.batchId,
      customer_id: unit.customer.id,
      actor_kind: unit.context.actor.kind,
      actor_name: unit.context.actor.name,
      request_id: unit.requestId,
      reason: unit.order.reason ?? null,
      salesforce_id: unit.order.salesforceId ?? null,
      row_count: unit.rowCount,
      at: unit.at,
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

/** A rule that a row of a request lifted. */
export interface Override {
  readonly rowIndex: number
  readonly enrollmentId: string
  readonly kind: 'force' | 'overCapacity'
  /** Why the course run was closed; null: its seats were all taken. */
  readonly because: string | null
}

/** Keeps the rules that rows lifted. */
export async function recordOverrides(
  trx: Transaction<EnterpriseDB>,
  overrides: readonly Override[],
  { batchId, at }: Pick<Unit, 'batchId' | 'at'>,
): Promise<void> {
  if (overrides.length === 0) return
  await trx.executeQuery(
    CompiledQuery.raw(OVERRIDES, [
      overrides.map(({ rowIndex }) => rowIndex),
      overrides.map(({ enrollmentId }) => enrollmentId),
      overrides.map(({ kind }) => kind),
      overrides.map(({ because }) => because),
      batchId,
      at,
    ]),
  )
}

const OVERRIDES = `/* enterprise.overrides */
insert into enterprise_overrides (row_index, enrollment_id, kind, because, batch_id, at)
select o.*, $5::uuid, $6::timestamptz
from unnest((select $1::integer[]), (select $2::bigint[]), (select $3::text[]), (select $4::text[])) as o`

/** Somebody who should be told of an enrollment: an account, or an address that has none. */
export interface Notification {
  readonly learnerId: number | null
  readonly email: string | null
  readonly courseKey: string
}

/** Keeps whom somebody should tell, in the order given. */
export async function recordNotifications(
  trx: Transaction<EnterpriseDB>,
  notifications: readonly Notification[],
  { batchId, at }: Pick<Unit, 'batchId' | 'at'>,
): Promise<void> {
  if (notifications.length === 0) return
  await trx.executeQuery(
    CompiledQuery.raw(NOTIFICATIONS, [
      notifications.map(({ learnerId }) => learnerId),
      notifications.map(({ email }) => email),
      notifications.map(({ courseKey }) => courseKey),
      batchId,
      at,
    ]),
  )
}

const NOTIFICATIONS = `/* enterprise.notifications */
insert into enterprise_notification_intents (learner_id, email, course_key, batch_id, at)
select learner_id, email, course_key, $4::uuid, $5::timestamptz
from unnest((select $1::integer[]), (select $2::text[]), (select $3::text[])) with ordinality
  as i (learner_id, email, course_key, n)
order by n`
