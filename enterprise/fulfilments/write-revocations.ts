import { CompiledQuery, type Transaction } from 'kysely'
import type { Enrollment } from '../../routers/index.ts'
import type { EnterpriseDB } from '../database/schema.ts'
import type { OperationContext } from '../operation.ts'
import type { FundedEnrollment } from './funded-enrollments.ts'

/** An enrollment that is funded no longer, as it is now. */
interface RevokedEnrollment {
  readonly funded: FundedEnrollment
  readonly enrollment: Enrollment
}

/**
 * Writes that enrollments are revoked for their customers: the records are unenrolled and saved for later, and their
 * fulfilments revoked, all of them where the enrollment is active no longer (enterprise C.5 "Record rules", C.9). Each
 * revocation stays in the audit trail.
 */
export async function writeRevocations(
  trx: Transaction<EnterpriseDB>,
  revoked: readonly RevokedEnrollment[],
  operation: OperationContext,
): Promise<void> {
  if (revoked.length === 0) return
  const recordIds = revoked.map(({ funded }) => funded.recordId)
  const versions = revoked.map(({ enrollment }) => enrollment.version)
  await trx.executeQuery(CompiledQuery.raw(RECORDS, [recordIds, versions, operation.at]))
  const { actor } = operation.context
  await trx.executeQuery(
    CompiledQuery.raw(REVOCATIONS, [
      recordIds,
      // Null: every fulfilment of the record.
      revoked.map(({ funded, enrollment }) => (enrollment.isActive ? funded.fulfilmentId : null)),
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
set enrollment_version = e.version, unenrolled = true, unenrolled_at = coalesce(r.unenrolled_at, $3::timestamptz),
  saved_for_later = true, updated = $3::timestamptz
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
