import { CompiledQuery, type Transaction } from 'kysely'
import type { EnterpriseDB } from '../database/schema.ts'
import type { OperationContext } from '../operation.ts'

/** A fulfilment that is revoked. */
interface RevokedFulfilment {
  readonly recordId: string
  /** Null: whatever pays for the record. */
  readonly fulfilmentId: string | null
  /** The version of the enrollment up to which the record knows it now; null: as before. */
  readonly version: number | null
  /** Whether the enrollment is active; where it is not, whatever pays for the record is revoked with it. */
  readonly isActive: boolean
  /** Whether nothing pays for the record any more. */
  readonly isUnenrolled: boolean
}

/**
 * Writes that fulfilments are revoked. A record that nothing pays for is unenrolled and saved for later, from the first time
 * on that this happened (enterprise C.5 "Record rules", C.9, enterprise-routes.md §3, enterprise-routes.md §7.8). Each revocation stays in the
 * audit trail.
 */
export async function writeRevocations(
  trx: Transaction<EnterpriseDB>,
  revoked: readonly RevokedFulfilment[],
  operation: OperationContext,
): Promise<void> {
  if (revoked.length === 0) return
  const unenrolled = revoked.filter(({ isUnenrolled }) => isUnenrolled)
  const recordIds = unenrolled.map(({ recordId }) => recordId)
  const versions = unenrolled.map(({ version }) => version)
  await trx.executeQuery(CompiledQuery.raw(RECORDS, [recordIds, versions, operation.at]))
  const { actor } = operation.context
  await trx.executeQuery(
    CompiledQuery.raw(REVOCATIONS, [
      revoked.map(({ recordId }) => recordId),
      // Null: every fulfilment of the record.
      revoked.map(({ fulfilmentId, isActive }) => (isActive ? fulfilmentId : null)),
      operation.at,
      actor.kind,
      actor.name,
      operation.requestId,
      operation.reason,
    ]),
  )
}

const RECORDS = `/* enterprise.revokeRecords */
update enterprise_enrollment_records r
set enrollment_version = coalesce(e.version, r.enrollment_version), unenrolled = true,
  unenrolled_at = coalesce(r.unenrolled_at, $3::timestamptz), saved_for_later = true, updated = $3::timestamptz
from unnest((select $1::bigint[]), (select $2::integer[])) as e (record_id, version)
where r.id = e.record_id`

const REVOCATIONS = `/* enterprise.revokeFulfilments */
with revoked as (
  update enterprise_fulfilments f set revoked = $3::timestamptz, updated = $3::timestamptz
  from unnest((select $1::bigint[]), (select $2::uuid[])) as e (record_id, fulfilment_uuid)
  where f.record_id = e.record_id and f.uuid = coalesce(e.fulfilment_uuid, f.uuid) and f.revoked is null
  returning f.uuid, f.kind, f.funding_id
)
insert into enterprise_revocations (fulfilment_uuid, kind, funding_id, actor_kind, actor_name, request_id, reason, at)
select uuid, kind, funding_id, $4::text, $5::text, $6::text, $7::text, $3::timestamptz from revoked order by uuid`
