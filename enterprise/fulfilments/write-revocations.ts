import { CompiledQuery, type Transaction } from 'kysely'
import type { Enrollment } from '../../routers/index.ts'
import type { EnterpriseDB } from '../database/schema.ts'
import type { Operation } from './operation.ts'
import type { PaidEnrollment } from './funded-enrollments.ts'

/** An enrollment that is paid for no longer, as it is now. */
interface EndedEnrollment {
  readonly paid: PaidEnrollment
  readonly enrollment: Enrollment
}

/**
 * Writes that enrollments have ended for their customers: the records are unenrolled and saved for later, and their
 * fulfilments revoked, all of them where the enrollment is active no longer (enterprise C.5 "Record rules", C.9). Each
 * revocation leaves its trace.
 */
export async function writeEnds(
  trx: Transaction<EnterpriseDB>,
  ended: readonly EndedEnrollment[],
  operation: Operation,
): Promise<void> {
  if (ended.length === 0) return
  const recordIds = ended.map(({ paid }) => paid.recordId)
  const versions = ended.map(({ enrollment }) => enrollment.version)
  await trx.executeQuery(CompiledQuery.raw(RECORDS, [recordIds, versions, operation.at]))
  const { actor } = operation.context
  await trx.executeQuery(
    CompiledQuery.raw(REVOCATIONS, [
      recordIds,
      // Null: every fulfilment of the record.
      ended.map(({ paid, enrollment }) => (enrollment.isActive ? paid.fulfilmentId : null)),
      operation.at,
      actor.kind,
      actor.name,
      operation.requestId,
      operation.reason,
    ]),
  )
}

const RECORDS = `/* enterprise.endRecords */
update enterprise_enrollment_records r
set enrollment_version = e.version, unenrolled = true, unenrolled_at = coalesce(r.unenrolled_at, $3::timestamptz),
  saved_for_later = true, updated = $3::timestamptz
from unnest((select $1::bigint[]), (select $2::integer[])) as e (record_id, version)
where r.id = e.record_id`

const REVOCATIONS = `/* enterprise.revoke */
with revoked as (
  update enterprise_fulfilments f set revoked = $3::timestamptz, updated = $3::timestamptz
  from unnest((select $1::bigint[]), (select $2::uuid[])) as e (record_id, fulfilment_uuid)
  where f.record_id = e.record_id and f.uuid = coalesce(e.fulfilment_uuid, f.uuid) and f.revoked is null
  returning f.uuid, f.kind, f.funding_id
)
insert into enterprise_revocations (fulfilment_uuid, kind, funding_id, actor_kind, actor_name, request_id, reason, at)
select uuid, kind, funding_id, $4::text, $5::text, $6::text, $7::text, $3::timestamptz from revoked order by uuid`
