import type { Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import { EnrollmentError, failure } from '../errors.ts'
import type { ChangeKind } from '../enrollment/command.ts'
import type { DisabledReason, Webhook, WebhookFormat } from './webhook.ts'

/** The most endpoints or deliveries of one page. */
export const PAGE_SIZE = 100

/** A page of a list, and what continues after it; null: it is the last one. */
export interface Page<T> {
  items: T[]
  nextCursor: string | null
}

const COLUMNS = [
  'id',
  'url',
  'description',
  'kinds',
  'course_keys',
  'format',
  'state',
  'disabled_because',
  'failing_since',
  'last_error',
  'created',
  'updated',
] as const

/** Selects endpoints without their secrets. */
export function selectWebhooks(db: Kysely<DB>) {
  return db.selectFrom('webhooks').select(COLUMNS)
}

type WebhookRow = Awaited<ReturnType<ReturnType<typeof selectWebhooks>['execute']>>[number]

/** The casts are true by the check constraints of the table, and by who writes `kinds`. */
export function webhookOf(row: WebhookRow): Webhook {
  return {
    id: row.id,
    url: row.url,
    description: row.description,
    kinds: row.kinds as ChangeKind[] | null,
    courseIds: row.course_keys,
    format: row.format as WebhookFormat,
    state: row.state as Webhook['state'],
    disabledBecause: row.disabled_because as DisabledReason | null,
    failingSince: row.failing_since,
    lastError: row.last_error,
    created: row.created,
    updated: row.updated,
  }
}

/** @throws {EnrollmentError} `webhookNotFound` */
export async function getWebhook(db: Kysely<DB>, id: string): Promise<Webhook> {
  const row = await selectWebhooks(db).where('id', '=', id).executeTakeFirst()
  if (row === undefined) throw webhookNotFound(id)
  return webhookOf(row)
}

/**
 * Lists endpoints, the oldest first.
 *
 * @param cursor of the page before.
 */
export async function listWebhooks(db: Kysely<DB>, cursor: string | undefined): Promise<Page<Webhook>> {
  let query = selectWebhooks(db)
    .orderBy('created')
    .orderBy('id')
    .limit(PAGE_SIZE + 1)
  if (cursor !== undefined) {
    const [created = '', id = ''] = cursor.split('_')
    query = query.where((eb) =>
      eb.or([eb('created', '>', created), eb.and([eb('created', '=', created), eb('id', '>', id)])]),
    )
  }
  const rows = await query.execute()
  const items = rows.slice(0, PAGE_SIZE)
  const last = items.at(-1)
  const isMore = rows.length > PAGE_SIZE && last !== undefined
  return { items: items.map(webhookOf), nextCursor: isMore ? `${last.created}_${last.id}` : null }
}

/** Whether the text is a cursor of {@link listWebhooks}: an instant that there is, and an id. */
export function isWebhookCursor(text: string): boolean {
  const [instant = '', id = '', ...rest] = text.split('_')
  if (rest.length > 0 || !UUID.test(id) || !INSTANT.test(instant)) return false
  const date = new Date(instant)
  return !Number.isNaN(date.getTime()) && date.toISOString().slice(0, 19) === instant.slice(0, 19)
}

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z$/

/**
 * The id of an endpoint, where the text may be one.
 *
 * @throws {EnrollmentError} `webhookNotFound`
 */
export function webhookIdOf(text: string): string {
  if (!UUID.test(text)) throw webhookNotFound(text)
  return text.toLowerCase()
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** What is told of an endpoint that is not there. */
export function webhookNotFound(id: string): EnrollmentError {
  return new EnrollmentError(failure('webhookNotFound', { id }))
}

/** Whether anybody is to be sent anything. */
export async function hasEnabledWebhook(db: Kysely<DB>): Promise<boolean> {
  const row = await db.selectFrom('webhooks').select('id').where('state', '=', 'enabled').limit(1).executeTakeFirst()
  return row !== undefined
}
