import { CompiledQuery, type Kysely } from 'kysely'
import { instantFromDate } from '../database/instant.ts'
import type { DB } from '../database/schema.ts'
import { retryOnSerializationFailure } from '../database/retry.ts'
import { inTransaction } from '../database/transaction.ts'
import { disableWebhooks } from './disable.ts'
import { pendingVersions } from './order-sql.ts'
import { hasFailedTooLong, type AfterAttempt } from './schedule.ts'
import type { DisabledReason } from './webhook.ts'

/** What came of an attempt, to be kept. */
export interface AttemptResult extends AfterAttempt {
  readonly deliveryId: string
  readonly webhookId: string
  readonly status: number | null
  readonly answer: string | null
}

/** An endpoint that was disabled by what it answered. */
export interface DisabledWebhook {
  readonly id: string
  readonly because: DisabledReason
}

/**
 * Keeps what came of attempts, in the order in which they ended: the deliveries, when later versions are due,
 * and since when endpoints fail. What another process has taken over in the meantime is left to it.
 *
 * @returns the endpoints that are disabled from now on: they are gone, or have failed for five days.
 */
export async function writeResults(
  db: Kysely<DB>,
  results: readonly AttemptResult[],
  { sender, now }: { readonly sender: string; readonly now: Date },
): Promise<DisabledWebhook[]> {
  const at = instantFromDate(now)
  const written = CompiledQuery.raw(WRITE_DELIVERIES, [
    sender,
    at,
    results.map(({ deliveryId }) => deliveryId),
    results.map(({ state }) => state),
    results.map(({ isWait }) => isWait),
    results.map(({ status }) => status),
    results.map(({ error }) => error),
    results.map(({ answer }) => answer),
    results.map(({ nextAttemptAt }) => (nextAttemptAt === null ? null : instantFromDate(nextAttemptAt))),
  ])
  await retryOnSerializationFailure(db, () => db.executeQuery(written))
  const endpoints = endpointsOf(results)
  const { rows } = await db.executeQuery<{ id: string; failing_since: string | null }>(
    CompiledQuery.raw(WRITE_ENDPOINTS, [
      at,
      endpoints.map(({ id }) => id),
      endpoints.map(({ hasSucceeded }) => hasSucceeded),
      endpoints.map(({ error }) => error),
    ]),
  )
  const gone = results.filter(({ isGone }) => isGone).map(({ webhookId }) => webhookId)
  const failing = rows.filter(({ failing_since: since }) => hasFailedTooLong(since, now)).map(({ id }) => id)
  return [...(await disable(db, gone, 'gone', now)), ...(await disable(db, failing, 'failing', now))]
}

async function disable(
  db: Kysely<DB>,
  ids: readonly string[],
  because: DisabledReason,
  now: Date,
): Promise<DisabledWebhook[]> {
  if (ids.length === 0) return []
  const disabled = await retryOnSerializationFailure(db, () =>
    inTransaction(db, (trx) => disableWebhooks(trx, [...new Set(ids)], { because, now })),
  )
  return disabled.map((id) => ({ id, because }))
}

interface EndpointResult {
  readonly id: string
  readonly hasSucceeded: boolean
  /** Of the last failure after the last success; null: there is none. */
  readonly error: string | null
}

function endpointsOf(results: readonly AttemptResult[]): EndpointResult[] {
  const byId = new Map<string, EndpointResult>()
  for (const { webhookId: id, state, error } of results) {
    const hasSucceeded = state === 'delivered' || byId.get(id)?.hasSucceeded === true
    byId.set(id, { id, hasSucceeded, error })
  }
  return [...byId.values()]
}

const LATER = pendingVersions({ webhookId: 'w.webhook_id', enrollmentId: 'w.enrollment_id', version: '> w.version' })

// A delivery that has died with its endpoint meanwhile stays dead, unless it has arrived. Later versions of an enrollment are
// due with the one that they wait for, or at once when it has arrived or is dead.
const WRITE_DELIVERIES = `/* webhook.writeDeliveries */
with result as materialized (
  select * from unnest($3::bigint[], $4::text[], $5::boolean[], $6::integer[], $7::text[], $8::text[], $9::timestamptz[])
    as r (id, state, is_wait, status, error, answer, next_attempt_at)
), written as (
  update webhook_deliveries d set
    state = case when d.state = 'dead' and r.state = 'pending' then 'dead' else r.state end,
    next_attempt_at = case when d.state = 'dead' then null else r.next_attempt_at end,
    attempts = d.attempts + 1,
    waits = d.waits + case when r.is_wait then 1 else 0 end,
    last_status = r.status, last_error = r.error, last_answer = r.answer,
    claimed_by = null, is_replay = false
  from result r where d.id = r.id and d.claimed_by = $1::uuid
  returning d.webhook_id, d.enrollment_id, d.version, r.next_attempt_at
)
update webhook_deliveries d set next_attempt_at =
  case when w.next_attempt_at is null then $2::timestamptz else greatest(d.next_attempt_at, w.next_attempt_at) end
from written w
cross join lateral (select p.id from webhook_deliveries p where ${LATER} offset 0) p
where d.id = p.id and d.claimed_by is null and d.id <> all ($3::bigint[])
  and case when w.next_attempt_at is null then d.next_attempt_at > $2::timestamptz and d.attempts = 0
    else d.next_attempt_at < w.next_attempt_at end`

// In a statement of its own: who replays locks the endpoint first, and then deliveries.
const WRITE_ENDPOINTS = `/* webhook.writeEndpoints */
update webhooks w set
  failing_since = case
    when e.error is null then null
    when e.has_succeeded then $1::timestamptz
    else coalesce(w.failing_since, $1::timestamptz)
  end,
  last_error = e.error
from unnest($2::uuid[], $3::boolean[], $4::text[]) as e (id, has_succeeded, error)
where w.id = e.id and (w.failing_since is not null or e.error is not null)
returning w.id, w.failing_since`
