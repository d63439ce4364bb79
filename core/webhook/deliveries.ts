import { CompiledQuery, type Kysely } from 'kysely'
import { instantFromDate } from '../database/instant.ts'
import type { DB } from '../database/schema.ts'
import { EnrollmentError, failure } from '../errors.ts'
import { cursorOf } from '../event/cursor.ts'
import { getWebhook, PAGE_SIZE, type Page } from './read.ts'
import type { DeliveryState, Webhook, WebhookDelivery } from './webhook.ts'

interface DeliveryRow {
  readonly id: string
  readonly webhook_id: string
  readonly event_id: string | null
  readonly transaction_id: string | null
  readonly state: string
  readonly attempts: number
  readonly last_status: number | null
  readonly last_error: string | null
  readonly last_answer: string | null
  readonly next_attempt_at: string | null
  readonly at: string
}

const COLUMNS = `d.id, d.webhook_id, d.event_id, d.transaction_id, d.state, d.attempts, d.last_status, d.last_error,
  d.last_answer, d.next_attempt_at, d.at`

export interface DeliveriesInput {
  /** Of the endpoint. */
  readonly id: string
  readonly state?: DeliveryState | undefined
  /** Of the page before. */
  readonly cursor?: string | undefined
}

/**
 * Lists the deliveries of an endpoint, the newest first.
 *
 * @throws {EnrollmentError} `webhookNotFound`
 */
export async function listDeliveries(db: Kysely<DB>, input: DeliveriesInput): Promise<Page<WebhookDelivery>> {
  const { id: webhookId, state, cursor = MAX_ID } = input
  await getWebhook(db, webhookId)
  const states = state === undefined ? ['pending', 'delivered', 'dead'] : [state]
  const parameters = [webhookId, states, cursor, PAGE_SIZE + 1]
  const { rows } = await db.executeQuery<DeliveryRow>(CompiledQuery.raw(LIST, parameters))
  const items = rows.slice(0, PAGE_SIZE).map(deliveryOf)
  return { items, nextCursor: rows.length > PAGE_SIZE ? (items.at(-1)?.id ?? null) : null }
}

const MAX_ID = '9223372036854775807'

// The first of each state, each by the same index, and of them the first.
const LIST = `/* webhook.listDeliveries */
select ${COLUMNS}
from unnest($2::text[]) as s (state)
cross join lateral (
  select * from webhook_deliveries d where d.webhook_id = $1::uuid and d.state = s.state and d.id < $3::bigint
  order by d.id desc limit $4::bigint
) d
order by d.id desc limit $4::bigint`

/**
 * Has an endpoint sent a `webhook.test`.
 *
 * @returns the delivery, which is sent in a moment by a server.
 * @throws {EnrollmentError} `webhookNotFound`, `webhookDisabled`
 */
export async function testWebhook(db: Kysely<DB>, id: string, now: Date): Promise<WebhookDelivery> {
  await getEnabledWebhook(db, id)
  const { rows } = await db.executeQuery<DeliveryRow>(CompiledQuery.raw(TEST, [id, instantFromDate(now)]))
  const [row] = rows
  if (row === undefined) throw new Error('The test was not stored')
  return deliveryOf(row)
}

const TEST = `/* webhook.test */
insert into webhook_deliveries as d (webhook_id, state, next_attempt_at, at)
values ($1::uuid, 'pending', $2::timestamptz, $2::timestamptz)
returning ${COLUMNS}`

/** @throws {EnrollmentError} `webhookNotFound`, `webhookDisabled` */
export async function getEnabledWebhook(db: Kysely<DB>, id: string): Promise<Webhook> {
  const webhook = await getWebhook(db, id)
  if (webhook.state === 'disabled') throw new EnrollmentError(failure('webhookDisabled', { id }))
  return webhook
}

/** The cast is true by a check constraint of the table. */
function deliveryOf(row: DeliveryRow): WebhookDelivery {
  const { event_id: id, transaction_id: transaction } = row
  return {
    id: row.id,
    webhookId: row.webhook_id,
    eventId: id,
    cursor: id === null || transaction === null ? null : cursorOf({ transaction, id }),
    state: row.state as DeliveryState,
    attempts: row.attempts,
    lastStatus: row.last_status,
    lastError: row.last_error,
    lastAnswer: row.last_answer,
    nextAttemptAt: row.next_attempt_at,
    at: row.at,
  }
}
