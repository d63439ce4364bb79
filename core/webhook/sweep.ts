import { CompiledQuery, type Kysely } from 'kysely'
import { instantFromDate } from '../database/instant.ts'
import type { DB } from '../database/schema.ts'
import { endDeliveries } from './disable.ts'

/** For so long deliveries are kept that have arrived or are dead. */
export const KEPT_MS = 30 * 24 * 3_600_000

/** Deliveries that one statement deletes or ends. */
const LIMIT = 2_000

/**
 * Ends what disabled endpoints still have pending, and deletes what is left of deleted ones and what is older than 30 days.
 *
 * @param signal ends it after the statement that runs.
 */
export async function sweepWebhooks(db: Kysely<DB>, now: Date, signal: AbortSignal): Promise<void> {
  const before = instantFromDate(new Date(now.getTime() - KEPT_MS))
  const statements = [
    () => endDeliveries(db, LIMIT),
    () => affected(db, CompiledQuery.raw(DELETE_ORPHANS, [LIMIT])),
    () => affected(db, CompiledQuery.raw(DELETE_OLD, [before, LIMIT])),
    () => affected(db, CompiledQuery.raw(DELETE_SKIPPED, [LIMIT])),
  ]
  for (const statement of statements) {
    while (!signal.aborted && (await statement()) > 0) continue
  }
}

async function affected(db: Kysely<DB>, query: CompiledQuery): Promise<number> {
  const { numAffectedRows = 0n } = await db.executeQuery(query)
  return Number(numAffectedRows)
}

// The ids of endpoints are found by stepping from one to the next in the index.
const DELETE_ORPHANS = `/* webhook.deleteOrphans */
with recursive known as (
  (select webhook_id from webhook_deliveries order by webhook_id limit 1)
  union all
  select (select d.webhook_id from webhook_deliveries d where d.webhook_id > k.webhook_id order by d.webhook_id limit 1)
  from known k where k.webhook_id is not null
), orphan as (
  select d.id from known k
  cross join lateral (select id from webhook_deliveries d where d.webhook_id = k.webhook_id limit $1::bigint) d
  where not exists (select from webhooks w where w.id = k.webhook_id)
  limit $1::bigint
)
delete from webhook_deliveries d using orphan where d.id = orphan.id`

const DELETE_OLD = `/* webhook.deleteOld */
delete from webhook_deliveries where id in (
  select id from webhook_deliveries where at < $1::timestamptz and state <> 'pending' limit $2::bigint
)`

// With their endpoint: they are few.
const DELETE_SKIPPED = `/* webhook.deleteSkipped */
delete from webhook_skipped_events s where (s.webhook_id, s.event_id) in (
  select s.webhook_id, s.event_id from webhook_skipped_events s
  where not exists (select from webhooks w where w.id = s.webhook_id)
  limit $1::bigint
)`
