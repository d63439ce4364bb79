import { randomUUID } from 'node:crypto'
import type { Kysely, Transaction } from 'kysely'
import { courseKeyOf } from '../course/key.ts'
import { instantFromDate } from '../database/instant.ts'
import type { DB } from '../database/schema.ts'
import { inTransaction } from '../database/transaction.ts'
import type { ChangeKind } from '../enrollment/command.ts'
import { EnrollmentError, failure } from '../errors.ts'
import { addressRule } from './address.ts'
import { readBeginning, skipCommitted } from './beginning.ts'
import { disableWebhooks, endDeliveries } from './disable.ts'
import { getWebhook, webhookNotFound } from './read.ts'
import { newSecret, secretBox, secretText, type SecretBox } from './secret.ts'
import { endpointUrl } from './url.ts'
import type { Webhook, WebhookFormat, WebhookSettings } from './webhook.ts'

/** What an endpoint is sent, and where. */
export interface WebhookFields {
  readonly url: string
  readonly description?: string | null | undefined
  /** Null: all. */
  readonly kinds?: readonly ChangeKind[] | null | undefined
  readonly courseIds?: readonly string[] | null | undefined
  readonly format: WebhookFormat
}

/** The secret of an endpoint, which is shown this once. */
export interface ShownSecret {
  id: string
  secret: string
}

type GivenFields = { readonly [Name in keyof WebhookFields]?: WebhookFields[Name] | undefined }

interface Write {
  readonly settings: WebhookSettings
  readonly now: Date
}

/**
 * Makes an endpoint, which is sent the events that commit from now on (events.md §3).
 *
 * @throws {EnrollmentError} `webhooksNotConfigured`, `webhookUrlRefused`, `invalidCourseKey`
 */
export async function createWebhook(db: Kysely<DB>, fields: WebhookFields, write: Write): Promise<ShownSecret> {
  const box = boxOf(write.settings)
  const { url = '', ...columns } = columnsOf(fields, write.settings)
  const [id, secret, now] = [randomUUID(), newSecret(), instantFromDate(write.now)]
  await inTransaction(db, async (trx) => {
    const beginning = await readBeginning(trx)
    await trx
      .insertInto('webhooks')
      .values({
        ...columns,
        id,
        url,
        format: fields.format,
        secret: box.seal(id, secret),
        begins_transaction: beginning.transaction,
        begins_id: beginning.id,
        created: now,
        updated: now,
      })
      .execute()
    await skipCommitted(trx, id, beginning)
  })
  return { id, secret: secretText(secret) }
}

/** What is given of the fields, and whether it is enabled. */
export interface WebhookChange extends GivenFields {
  readonly state?: Webhook['state'] | undefined
}

/**
 * Changes what is given of an endpoint. Disabling it makes its pending deliveries dead; once it is enabled again it is sent the
 * events that commit from then on.
 *
 * @throws {EnrollmentError} `webhookNotFound`, `webhookUrlRefused`, `invalidCourseKey`
 */
export async function updateWebhook(
  db: Kysely<DB>,
  id: string,
  { state, ...fields }: WebhookChange,
  { settings, now }: Write,
): Promise<Webhook> {
  const columns = columnsOf(fields, settings)
  return inTransaction(db, async (trx) => {
    const { numUpdatedRows } = await trx
      .updateTable('webhooks')
      .set({ ...columns, updated: instantFromDate(now) })
      .where('id', '=', id)
      .executeTakeFirst()
    if (numUpdatedRows === 0n) throw webhookNotFound(id)
    if (state === 'disabled') await disableWebhooks(trx, [id], { because: 'requested', now })
    if (state === 'enabled') await enable(trx, id)
    return getWebhook(trx, id)
  })
}

async function enable(trx: Transaction<DB>, id: string): Promise<void> {
  while ((await endDeliveries(trx, 10_000)) > 0) continue
  const beginning = await readBeginning(trx)
  const { numUpdatedRows } = await trx
    .updateTable('webhooks')
    .set({
      state: 'enabled',
      disabled_because: null,
      failing_since: null,
      last_error: null,
      begins_transaction: beginning.transaction,
      begins_id: beginning.id,
    })
    .where('id', '=', id)
    .where('state', '=', 'disabled')
    .executeTakeFirst()
  if (numUpdatedRows > 0n) await skipCommitted(trx, id, beginning)
}

/**
 * Deletes an endpoint. What is left of its deliveries is swept.
 *
 * @throws {EnrollmentError} `webhookNotFound`
 */
export async function deleteWebhook(db: Kysely<DB>, id: string): Promise<void> {
  const { numDeletedRows } = await db.deleteFrom('webhooks').where('id', '=', id).executeTakeFirst()
  if (numDeletedRows === 0n) throw webhookNotFound(id)
}

/**
 * Gives an endpoint a new secret. The one before signs as well until the overlap ends.
 *
 * @param overlapMs zero: only the new one signs from now on.
 * @throws {EnrollmentError} `webhooksNotConfigured`, `webhookNotFound`
 */
export async function rotateWebhookSecret(
  db: Kysely<DB>,
  id: string,
  { overlapMs, settings, now }: Write & { readonly overlapMs: number },
): Promise<ShownSecret> {
  const secret = newSecret()
  const sealed = boxOf(settings).seal(id, secret)
  const until = instantFromDate(new Date(now.getTime() + overlapMs))
  const { numUpdatedRows } = await db
    .updateTable('webhooks')
    .set((eb) => ({
      secret: sealed,
      previous_secret: overlapMs > 0 ? eb.ref('secret') : null,
      previous_secret_until: overlapMs > 0 ? until : null,
      updated: instantFromDate(now),
    }))
    .where('id', '=', id)
    .executeTakeFirst()
  if (numUpdatedRows === 0n) throw webhookNotFound(id)
  return { id, secret: secretText(secret) }
}

function boxOf({ secretKeys }: WebhookSettings): SecretBox {
  if (secretKeys.length === 0) throw new EnrollmentError(failure('webhooksNotConfigured', {}))
  return secretBox(secretKeys)
}

/** What is given, as the table holds it. */
function columnsOf({ url, courseIds, kinds, ...others }: GivenFields, settings: WebhookSettings) {
  const { allowedNetworks } = settings
  const isAnyAllowed = allowedNetworks.length > 0
  return {
    ...given(others),
    ...(url === undefined ? {} : { url: endpointUrl(url, addressRule(allowedNetworks), { isAnyAllowed }) }),
    ...(kinds === undefined ? {} : { kinds: kinds === null ? null : [...new Set(kinds)] }),
    ...(courseIds === undefined ? {} : { course_keys: courseIds?.map((key) => courseKeyOf(key).stored) ?? null }),
  }
}

function given<T extends object>(fields: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  // What is left has a value.
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never
}
