import { CompiledQuery, type Transaction } from 'kysely'
import type { EnterpriseDB } from '../database/schema.ts'
import type { BatchContext } from './batch-context.ts'

/** Keeps who asked for what, once for a batch. Comes before whatever refers to the batch. */
export async function writeBatch(trx: Transaction<EnterpriseDB>, batch: BatchContext): Promise<void> {
  await trx
    .insertInto('enterprise_batches')
    .values({
      id: batch.batchId,
      customer_id: batch.customer.id,
      actor_kind: batch.context.actor.kind,
      actor_name: batch.context.actor.name,
      request_id: batch.requestId,
      reason: batch.reason,
      salesforce_id: batch.options.salesforceId ?? null,
      row_count: batch.rowCount,
      at: batch.at,
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
export async function writeOverrides(
  trx: Transaction<EnterpriseDB>,
  overrides: readonly Override[],
  { batchId, at }: Pick<BatchContext, 'batchId' | 'at'>,
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

/** A learner to be notified of an enrollment: an account, or an address that has none. */
export interface Notification {
  readonly learnerId: number | null
  readonly email: string | null
  readonly courseKey: string
}

/** Writes intents to notify learners, in the order given; whoever reads them sends the mails (enterprise C.0 E9). */
export async function writeNotifications(
  trx: Transaction<EnterpriseDB>,
  notifications: readonly Notification[],
  { batchId, at }: Pick<BatchContext, 'batchId' | 'at'>,
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
