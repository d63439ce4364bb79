import { sql, type Kysely, type Transaction } from 'kysely'
import { instantFromDate } from '../database/instant.ts'
import type { DB } from '../database/schema.ts'
import type { DisabledReason } from './webhook.ts'

/** Deliveries that die with their endpoint in its transaction; more of them follow in others. */
const AT_ONCE = 10_000

/**
 * Disables endpoints: their pending deliveries become dead, and a replay ends.
 *
 * @returns the ids of those that were enabled.
 */
export async function disableWebhooks(
  trx: Transaction<DB>,
  ids: readonly string[],
  { because, now }: { readonly because: DisabledReason; readonly now: Date },
): Promise<string[]> {
  const disabled = await trx
    .updateTable('webhooks')
    .set({
      state: 'disabled',
      disabled_because: because,
      replay_after_transaction: null,
      replay_after_id: null,
      replay_through_transaction: null,
      replay_through_id: null,
      updated: instantFromDate(now),
    })
    .where(sql<boolean>`id = any (${ids}::uuid[])`)
    .where('state', '=', 'enabled')
    .returning('id')
    .execute()
  if (disabled.length > 0) await endDeliveries(trx, AT_ONCE)
  return disabled.map(({ id }) => id)
}

/**
 * Makes pending deliveries of disabled endpoints dead.
 *
 * @returns how many.
 */
export async function endDeliveries(db: Kysely<DB>, limit: number): Promise<number> {
  const { numAffectedRows = 0n } = await sql`update webhook_deliveries d
    set state = 'dead', next_attempt_at = null, is_replay = false,
      last_error = coalesce(d.last_error, 'The endpoint was disabled')
    from (
      select p.id from webhooks w
      cross join lateral (
        select p.id from webhook_deliveries p where p.webhook_id = w.id and p.state = 'pending' limit ${limit}
        for update skip locked
      ) p
      where w.state = 'disabled'
      limit ${limit}
    ) ending
    where d.id = ending.id`.execute(db)
  return Number(numAffectedRows)
}
