import { CompiledQuery, sql, type Kysely, type Transaction } from 'kysely'
import { isBigint } from '../database/bigint.ts'
import { instantFromDate } from '../database/instant.ts'
import { retryOnSerializationFailure } from '../database/retry.ts'
import type { DB } from '../database/schema.ts'
import { inTransaction } from '../database/transaction.ts'
import { EnrollmentError, failure } from '../errors.ts'
import { cursorOf, FEED_START, isAfter, positionOf, type FeedPosition } from '../event/cursor.ts'
import { readFeedEnd } from '../event/end.ts'
import { endOfStretch } from '../event/filter.ts'
import { getEnabledWebhook } from './deliveries.ts'

/**
 * Has all events after a cursor sent again, or for the first time, in the order of the feed and one at a time (events.md §3).
 * A replay that runs goes on with what it has not sent.
 *
 * @returns the cursor of the last event that is sent again.
 * @throws {EnrollmentError} `webhookNotFound`, `webhookDisabled`
 */
export async function replayAfter(db: Kysely<DB>, id: string, after: string): Promise<{ through: string }> {
  return inTransaction(db, async (trx) => {
    await getEnabledWebhook(trx, id)
    const [from, through] = [positionOf(after), await lastCommitted(trx)]
    await sql`update webhooks set
      (replay_after_transaction, replay_after_id) = (
        select p.transaction_id, p.id
        from (values
          (${from.transaction}::xid8, ${from.id}::bigint), (replay_after_transaction, replay_after_id)
        ) as p (transaction_id, id)
        where p.id is not null order by p.transaction_id, p.id limit 1
      ),
      replay_through_transaction = ${through.transaction}::xid8,
      replay_through_id = ${through.id}::bigint
      where id = ${id}::uuid`.execute(trx)
    return { through: cursorOf(through) }
  })
}

/** The place of the last event that is committed: it may not be shown yet. */
async function lastCommitted(trx: Transaction<DB>): Promise<FeedPosition> {
  const row = await trx
    .selectFrom('enrollment_events')
    .select(['transaction_id as transaction', 'id'])
    .orderBy('transaction_id', 'desc')
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row ?? positionOf(FEED_START)
}

/**
 * Has one delivery sent again at once.
 *
 * @throws {EnrollmentError} `webhookNotFound`, `webhookDisabled`, `webhookDeliveryNotFound`; the latter too where `kinds` or
 *   `courseIds` of the endpoint leave its event out by now.
 */
export async function replayDelivery(db: Kysely<DB>, id: string, deliveryId: string, now: Date): Promise<void> {
  await getEnabledWebhook(db, id)
  const parameters = [id, deliveryId, instantFromDate(now)]
  const rows = isBigint(deliveryId) ? (await db.executeQuery(CompiledQuery.raw(REPLAY_ONE, parameters))).rows : []
  if (rows.length === 0) throw new EnrollmentError(failure('webhookDeliveryNotFound', { deliveryId }))
}

/** SQL: whether the endpoint `w` is sent the event `v`, of an enrollment in the course run `c`; what was imported is sent to none. */
export const IS_WANTED = `not v.is_imported and (w.kinds is null or v.kind = any (w.kinds))
  and (w.course_keys is null or c.course_key = any (w.course_keys))`

/** SQL: what a delivery becomes that is sent again. */
function again(now: string): string {
  return `state = 'pending', attempts = 0, waits = 0, next_attempt_at = ${now}, claimed_by = null, is_replay = true`
}

const REPLAY_ONE = `/* webhook.replayOne */
update webhook_deliveries d set ${again('$3::timestamptz')}
from webhooks w
where w.id = $1::uuid and d.webhook_id = w.id and d.id = $2::bigint
  and (d.event_id is null or exists (
    select from enrollment_events v join enrollments e on e.id = v.enrollment_id join courses c on c.id = e.course_id
    where v.transaction_id = d.transaction_id and v.id = d.event_id and ${IS_WANTED}
  ))
returning d.id`

/** Events that a replay looks through in one transaction. */
const STRETCH = 1_000

/** With so many deliveries that wait to be sent again, an endpoint gets no more of them. */
const ENOUGH_WAITING = 500

/**
 * Makes deliveries of the next events of each replay, few at a time. Any number of processes may do so.
 */
export async function continueReplays(db: Kysely<DB>, now: Date): Promise<void> {
  const { rows } = await db.executeQuery<{ id: string }>(CompiledQuery.raw(RUNNING, [ENOUGH_WAITING]))
  if (rows.length === 0) return
  // What is shown up to there is complete.
  const { last } = await readFeedEnd(db)
  if (last === null) return
  for (const { id } of rows) {
    await retryOnSerializationFailure(db, () => inTransaction(db, (trx) => continueReplay(trx, id, { last, now })))
  }
}

const RUNNING = `/* webhook.runningReplays */
select w.id from webhooks w where w.replay_through_id is not null and w.state = 'enabled' and $1::bigint > (
  select count(*) from (
    select from webhook_deliveries d where d.webhook_id = w.id and d.state = 'pending' and d.is_replay limit $1::bigint
  ) waiting
)`

async function continueReplay(
  trx: Transaction<DB>,
  id: string,
  { last, now }: { readonly last: FeedPosition; readonly now: Date },
): Promise<void> {
  const range = await lockedRange(trx, id)
  if (range === null || !isAfter(last, range.after)) return
  const shown = { ...range, through: isAfter(range.through, last) ? last : range.through }
  const end = (await endOfStretch(trx, shown, STRETCH)) ?? shown.through
  const [after, through] = [range.after, end]
  const parameters = [id, after.transaction, after.id, through.transaction, through.id, instantFromDate(now)]
  await trx.executeQuery(CompiledQuery.raw(REPLAY_STRETCH, parameters))
  const isDone = cursorOf(end) === cursorOf(range.through)
  await trx
    .updateTable('webhooks')
    .set({
      replay_after_transaction: isDone ? null : end.transaction,
      replay_after_id: isDone ? null : end.id,
      replay_through_transaction: isDone ? null : range.through.transaction,
      replay_through_id: isDone ? null : range.through.id,
    })
    .where('id', '=', id)
    .execute()
}

/** What is still to be replayed, locked until the transaction ends; null: nothing, or another process is at it. */
async function lockedRange(
  trx: Transaction<DB>,
  id: string,
): Promise<{ after: FeedPosition; through: FeedPosition } | null> {
  const row = await trx
    .selectFrom('webhooks')
    .select([
      'replay_after_transaction as afterTransaction',
      'replay_after_id as afterId',
      'replay_through_transaction as throughTransaction',
      'replay_through_id as throughId',
    ])
    .where('id', '=', id)
    .where('state', '=', 'enabled')
    .forNoKeyUpdate()
    .skipLocked()
    .executeTakeFirst()
  if (row === undefined) return null
  const { afterTransaction, afterId, throughTransaction, throughId } = row
  // All of them are null or none is, by a check constraint.
  if (afterTransaction === null || afterId === null || throughTransaction === null || throughId === null) return null
  return {
    after: { transaction: afterTransaction, id: afterId },
    through: { transaction: throughTransaction, id: throughId },
  }
}

const REPLAY_STRETCH = `/* webhook.replayStretch */
insert into webhook_deliveries as d
  (webhook_id, event_id, transaction_id, enrollment_id, version, state, next_attempt_at, is_replay, at)
select w.id, v.id, v.transaction_id, v.enrollment_id, v.version, 'pending', $6::timestamptz, true, $6::timestamptz
from webhooks w, enrollment_events v
join enrollments e on e.id = v.enrollment_id join courses c on c.id = e.course_id
where w.id = $1::uuid and ${IS_WANTED}
  and (v.transaction_id, v.id) > ($2::xid8, $3::bigint) and (v.transaction_id, v.id) <= ($4::xid8, $5::bigint)
order by v.transaction_id, v.id
on conflict (webhook_id, event_id) do update set ${again('$6::timestamptz')}`
