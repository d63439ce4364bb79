import { CompiledQuery, type Kysely, type Transaction } from 'kysely'
import { instantFromDate } from '../database/instant.ts'
import { retryOnSerializationFailure } from '../database/retry.ts'
import type { DB } from '../database/schema.ts'
import { inTransaction } from '../database/transaction.ts'
import { lockCheckpoint, moveCheckpoint, openCheckpoint } from '../event/checkpoint.ts'
import { cursorOf, isAfter, laterPosition, positionOf, type FeedPosition } from '../event/cursor.ts'
import { readFeedEnd } from '../event/end.ts'
import { endOfStretch } from '../event/filter.ts'
import { pendingVersions } from './order-sql.ts'
import { IS_WANTED } from './replay.ts'

/** The consumer of the feed that makes deliveries, in the name of its checkpoint. */
export const WEBHOOKS_CONSUMER = 'webhooks'

/** Events that one transaction takes. */
const STRETCH = 2_000

export interface FannedOut {
  readonly deliveries: number
  /** Whether there is more to do at once. */
  readonly isMore: boolean
}

const NOTHING: FannedOut = { deliveries: 0, isMore: false }

/**
 * Makes the deliveries of the next events, and moves the checkpoint, in one transaction. Any number of processes may do so: one
 * of them at a time does. Without an enabled endpoint it is one small read, and events before all of them are never read.
 */
export async function fanOut(db: Kysely<DB>, now: Date): Promise<FannedOut> {
  const beginning = await firstBeginning(db)
  if (beginning === null) return NOTHING
  const checkpoint = await openCheckpoint(db, WEBHOOKS_CONSUMER, now)
  const { last } = await readFeedEnd(db)
  if (last === null || !isAfter(last, laterPosition(positionOf(checkpoint.cursor), beginning))) return NOTHING
  return retryOnSerializationFailure(db, () => inTransaction(db, (trx) => nextStretch(trx, last, now)))
}

async function nextStretch(trx: Transaction<DB>, last: FeedPosition, now: Date): Promise<FannedOut> {
  const checkpoint = await lockCheckpoint(trx, WEBHOOKS_CONSUMER)
  const beginning = await firstBeginning(trx)
  if (checkpoint === null || beginning === null) return NOTHING
  const after = laterPosition(positionOf(checkpoint.cursor), beginning)
  if (!isAfter(last, after)) return NOTHING
  const next = await endOfStretch(trx, { after, through: last }, STRETCH)
  const through = next ?? last
  const parameters = [after.transaction, after.id, through.transaction, through.id, instantFromDate(now)]
  const { numAffectedRows = 0n } = await trx.executeQuery(CompiledQuery.raw(FAN_OUT, parameters))
  await moveCheckpoint(trx, WEBHOOKS_CONSUMER, { cursor: cursorOf(through), now })
  return { deliveries: Number(numAffectedRows), isMore: next !== undefined }
}

/** Where the first of the enabled endpoints begins; null: there is none. */
async function firstBeginning(db: Kysely<DB>): Promise<FeedPosition | null> {
  const row = await db
    .selectFrom('webhooks')
    .select(['begins_transaction as transaction', 'begins_id as id'])
    .where('state', '=', 'enabled')
    .orderBy('begins_transaction')
    .orderBy('begins_id')
    .limit(1)
    .executeTakeFirst()
  return row ?? null
}

const EARLIER = pendingVersions({ webhookId: 'w.id', enrollmentId: 'v.enrollment_id', version: '< v.version' })

// A delivery whose enrollment has an earlier one that failed is due with that one, so that it is not looked at before.
const FAN_OUT = `/* webhook.fanOut */
insert into webhook_deliveries (webhook_id, event_id, transaction_id, enrollment_id, version, state, next_attempt_at, at)
select w.id, v.id, v.transaction_id, v.enrollment_id, v.version, 'pending', greatest($5::timestamptz, (
    select max(p.next_attempt_at) from webhook_deliveries p
    where ${EARLIER} and p.claimed_by is null
  )), $5::timestamptz
from enrollment_events v
join enrollments e on e.id = v.enrollment_id
join courses c on c.id = e.course_id
cross join webhooks w
where w.state = 'enabled' and ${IS_WANTED}
  and (v.transaction_id, v.id) > ($1::xid8, $2::bigint) and (v.transaction_id, v.id) <= ($3::xid8, $4::bigint)
  and (v.transaction_id, v.id) > (w.begins_transaction, w.begins_id)
  and not exists (select from webhook_skipped_events s where s.webhook_id = w.id and s.event_id = v.id)
order by v.transaction_id, v.id
on conflict (webhook_id, event_id) do nothing`
