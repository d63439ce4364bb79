import { CompiledQuery, sql, type Transaction } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import type { Actor } from '../../routers/index.ts'
import type { EnterpriseTables } from '../database/schema.ts'

/** A fulfilment as it is stored. */
export interface StoredFulfilment {
  readonly uuid: string
  readonly record_id: string
  readonly kind: string
  readonly revoked: string | null
  readonly created: string
}

/** Reads fulfilments by their UUIDs, and which of each kind pay for records, by `record_id kind`. */
export async function readPaying(
  trx: Transaction<DB>,
  uuids: readonly string[],
  recordIds: readonly string[],
): Promise<{ byUuid: Map<string, StoredFulfilment>; paying: Map<string, string> }> {
  const rows = await trx
    .$extendTables<EnterpriseTables>()
    .selectFrom('enterprise_fulfilments')
    .select(['uuid', 'record_id', 'kind', 'revoked', 'created'])
    .where((where) =>
      where.or([
        sql<boolean>`uuid = any (${uuids}::uuid[])`,
        where.and([where('revoked', 'is', null), sql<boolean>`record_id = any (${recordIds}::bigint[])`]),
      ]),
    )
    .execute()
  const paying = rows.filter(({ revoked }) => revoked === null)
  return {
    byUuid: new Map(rows.map((row) => [row.uuid, row])),
    paying: new Map(paying.map((row) => [`${row.record_id} ${row.kind}`, row.uuid])),
  }
}

/**
 * Keeps that fulfilments are revoked, where that is not known yet: what was revoked once is not new when it comes again. The event
 * bus is not told: whoever revoked them has told it.
 */
export async function traceRevocations(trx: Transaction<DB>, uuids: readonly string[], actor: Actor): Promise<void> {
  if (uuids.length === 0) return
  await trx.executeQuery(CompiledQuery.raw(TRACE, [uuids, actor.kind, actor.name]))
}

const TRACE = `/* enterprise.traceImported */
insert into enterprise_revocations (fulfilment_uuid, kind, funding_id, actor_kind, actor_name, request_id, reason, at, bus_number)
select f.uuid, f.kind, f.funding_id, $2::text, $3::text, 'import', 'imported', f.revoked, 0
from enterprise_fulfilments f
where f.uuid = any ((select $1::uuid[])::uuid[]) and not exists (
  select from enterprise_revocations v where v.fulfilment_uuid = f.uuid and v.funding_id = f.funding_id
)
order by f.uuid`
