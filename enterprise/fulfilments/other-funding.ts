import { CompiledQuery, type Transaction } from 'kysely'
import type { EnterpriseDB } from '../database/schema.ts'

/** What else pays for an enrollment, beside what is revoked now. */
export interface OtherFunding {
  readonly enrollmentId: string
  /** The version of the enrollment. */
  readonly version: number
  /** The records, of any customer, that something still pays for. */
  readonly recordIds: ReadonlySet<string>
}

/**
 * Reads what pays for enrollments, of all customers and both kinds (enterprise-routes.md §3 b). The learners are locked.
 *
 * @param revoked the fulfilments that are revoked now.
 * @returns those enrollments that something else pays for, by their ids.
 */
export async function readOtherFunding(
  trx: Transaction<EnterpriseDB>,
  enrollmentIds: readonly string[],
  revoked: readonly string[],
): Promise<ReadonlyMap<string, OtherFunding>> {
  const { rows } = await trx.executeQuery<OtherRow>(CompiledQuery.raw(READ, [[...new Set(enrollmentIds)], revoked]))
  return new Map(
    rows.map(({ enrollment_id: enrollmentId, version, record_ids }) => [
      enrollmentId,
      { enrollmentId, version, recordIds: new Set(record_ids) },
    ]),
  )
}

interface OtherRow {
  enrollment_id: string
  version: number
  record_ids: string[]
}

const READ = `/* enterprise.otherFunding */
select e.id as enrollment_id, e.version, array_agg(distinct r.id::text) as record_ids
from enterprise_enrollment_records r
join enrollments e on e.id = r.enrollment_id
join enterprise_fulfilments f on f.record_id = r.id
where r.enrollment_id = any ((select $1::bigint[])::bigint[]) and e.is_active
  and f.revoked is null and f.uuid <> all ((select $2::uuid[])::uuid[])
group by e.id`
