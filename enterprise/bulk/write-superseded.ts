import { CompiledQuery, type Transaction } from 'kysely'
import type { EnterpriseDB } from '../database/schema.ts'
import type { BatchContext } from './batch-context.ts'

/** A fulfilment whose place another transaction takes. */
export interface Supersession {
  readonly fulfilmentId: string
  /** The transaction that takes over. */
  readonly by: string
}

/** Revokes fulfilments that are superseded, and keeps by what (enterprise-routes.md §3 a7). Their enrollments stay as they are. */
export async function writeSuperseded(
  trx: Transaction<EnterpriseDB>,
  superseded: readonly Supersession[],
  { at, context: { actor }, requestId }: Pick<BatchContext, 'at' | 'context' | 'requestId'>,
): Promise<void> {
  if (superseded.length === 0) return
  const ids = superseded.map(({ fulfilmentId }) => fulfilmentId)
  const reasons = superseded.map(({ by }) => `superseded by ${by}`)
  await trx.executeQuery(CompiledQuery.raw(SUPERSEDE, [ids, reasons, at, actor.kind, actor.name, requestId]))
}

const SUPERSEDE = `/* enterprise.supersede */
with revoked as (
  update enterprise_fulfilments f set revoked = $3::timestamptz, updated = $3::timestamptz
  from unnest((select $1::uuid[]), (select $2::text[])) as s (uuid, reason)
  where f.uuid = s.uuid and f.revoked is null
  returning f.uuid, f.kind, f.funding_id, s.reason
)
insert into enterprise_revocations (fulfilment_uuid, kind, funding_id, actor_kind, actor_name, request_id, reason, at)
select uuid, kind, funding_id, $4::text, $5::text, $6::text, reason, $3::timestamptz from revoked order by uuid`
