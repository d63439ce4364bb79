import { sql, type Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import type { ChangeKind } from '../enrollment/command.ts'
import type { EnrollmentEvent } from '../event/event.ts'
import { readOpenedxEnrollments } from '../event/openedx.ts'
import { eventOf, selectEvents } from '../event/row.ts'
import type { ClaimedDelivery } from './claim.ts'
import type { SecretBox, WebhookSecret } from './secret.ts'
import type { WebhookFormat } from './webhook.ts'

/** A delivery that is ready to be sent. */
export interface OutgoingMessage {
  readonly delivery: ClaimedDelivery
  readonly url: string
  /** The same for this event and this endpoint whenever it is sent. */
  readonly messageId: string
  readonly body: string
  /** The secrets that sign it. */
  readonly secrets: readonly WebhookSecret[]
}

/** A delivery that cannot be sent now. */
export interface UnreadyDelivery {
  readonly delivery: ClaimedDelivery
  readonly error: string
}

export interface Messages {
  readonly ready: OutgoingMessage[]
  readonly unready: UnreadyDelivery[]
}

interface Endpoint {
  readonly id: string
  readonly url: string
  readonly format: WebhookFormat
  readonly secrets: readonly WebhookSecret[] | Error
}

/** Reads what deliveries that were claimed hold, with few statements for all of them (events.md §3). */
export async function readMessages(
  db: Kysely<DB>,
  deliveries: readonly ClaimedDelivery[],
  { box, now }: { readonly box: SecretBox; readonly now: Date },
): Promise<Messages> {
  const endpoints = await readEndpoints(db, [...new Set(deliveries.map(({ webhookId }) => webhookId))], box, now)
  const data = await readData(db, deliveries, endpoints)
  const messages: Messages = { ready: [], unready: [] }
  for (const delivery of deliveries) {
    const endpoint = endpoints.get(delivery.webhookId)
    const body = delivery.event === null ? testBody(delivery) : data.get(delivery.id)
    if (endpoint === undefined || body === undefined) {
      messages.unready.push({ delivery, error: 'The endpoint or the event is not there' })
    } else if (endpoint.secrets instanceof Error) {
      messages.unready.push({ delivery, error: endpoint.secrets.message })
    } else {
      const { url, secrets } = endpoint
      messages.ready.push({ delivery, url, messageId: messageIdOf(delivery), body, secrets })
    }
  }
  return messages
}

async function readEndpoints(
  db: Kysely<DB>,
  ids: readonly string[],
  box: SecretBox,
  now: Date,
): Promise<ReadonlyMap<string, Endpoint>> {
  const rows = await db
    .selectFrom('webhooks')
    .select(['id', 'url', 'format', 'secret', 'previous_secret', 'previous_secret_until'])
    .where(sql<boolean>`id = any (${ids}::uuid[])`)
    .execute()
  return new Map(
    rows.map(({ id, url, format, secret, previous_secret: previous, previous_secret_until: until }) => {
      const isPreviousValid = previous !== null && until !== null && Date.parse(until) > now.getTime()
      const sealed = isPreviousValid ? [secret, previous] : [secret]
      // True by a check constraint of the table.
      return [id, { id, url, format: format as WebhookFormat, secrets: opened(box, id, sealed) }]
    }),
  )
}

function opened(box: SecretBox, id: string, sealed: readonly Buffer[]): readonly WebhookSecret[] | Error {
  try {
    return sealed.map((each) => box.open(id, each))
  } catch (error) {
    if (error instanceof Error) return error
    throw error
  }
}

/** The bodies of the deliveries that have an event, by the ids of the deliveries. */
async function readData(
  db: Kysely<DB>,
  deliveries: readonly ClaimedDelivery[],
  endpoints: ReadonlyMap<string, Endpoint>,
): Promise<ReadonlyMap<string, string>> {
  const events = await readEvents(db, deliveries)
  const isOpenedx = ({ webhookId }: ClaimedDelivery) => endpoints.get(webhookId)?.format === 'openedx'
  const idsOfOpenedx = new Set(deliveries.filter(isOpenedx).map(({ event }) => event?.id))
  const ofOpenedx = await readOpenedxEnrollments(
    db,
    [...events.values()].filter(({ id }) => idsOfOpenedx.has(id)),
  )
  const enrollments = new Map(ofOpenedx.map(({ event, enrollment }) => [event.id, enrollment]))
  return new Map(
    deliveries.flatMap((delivery): [string, string][] => {
      const event = events.get(delivery.event?.id ?? '')
      if (event === undefined) return []
      const data = isOpenedx(delivery) ? { enrollment: enrollments.get(event.id) } : event
      return [[delivery.id, JSON.stringify({ type: MESSAGE_TYPES[event.kind], timestamp: event.at, data })]]
    }),
  )
}

/** The `type` of a message, by the kind of its event. */
export const MESSAGE_TYPES: Readonly<Record<ChangeKind, string>> = {
  created: 'enrollment.created',
  reactivated: 'enrollment.reactivated',
  modeChanged: 'enrollment.mode_changed',
  deactivated: 'enrollment.deactivated',
}

/** The events of deliveries, by their ids. */
async function readEvents(
  db: Kysely<DB>,
  deliveries: readonly ClaimedDelivery[],
): Promise<ReadonlyMap<string, EnrollmentEvent>> {
  const positions = deliveries.flatMap(({ event }) => event ?? [])
  if (positions.length === 0) return new Map()
  const [transactions, ids] = [positions.map(({ transaction }) => transaction), positions.map(({ id }) => id)]
  const rows = await selectEvents(
    db,
    sql`(select s.* from (select distinct * from unnest(${transactions}::xid8[], ${ids}::bigint[])) as p (transaction_id, id)
      join enrollment_events s on s.transaction_id = p.transaction_id and s.id = p.id offset 0)`,
  ).execute()
  return new Map(rows.map((row) => [row.id, eventOf(row)]))
}

function testBody({ webhookId, at }: ClaimedDelivery): string {
  return JSON.stringify({ type: 'webhook.test', timestamp: at, data: { webhookId } })
}

function messageIdOf({ id, webhookId, event }: ClaimedDelivery): string {
  return event === null ? `msg_${webhookId}_test_${id}` : `msg_${webhookId}_${event.id}`
}
