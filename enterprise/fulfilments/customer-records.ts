import { CompiledQuery, type Transaction } from 'kysely'
import type { EnterpriseDB } from '../database/schema.ts'

/** What a customer records of an enrollment. */
export interface CustomerRecord {
  readonly id: string
  readonly enrollmentId: string
  /** The newest change of the enrollment that it has taken in. */
  readonly enrollmentVersion: number
  readonly isUnenrolled: boolean
  /** The fulfilments that pay for it. */
  readonly paying: readonly string[]
}

/** Reads what a customer records of enrollments, by their ids. The learners are locked. */
export async function readCustomerRecords(
  trx: Transaction<EnterpriseDB>,
  customerId: number,
  enrollmentIds: readonly string[],
): Promise<ReadonlyMap<string, CustomerRecord>> {
  if (enrollmentIds.length === 0) return new Map()
  const { rows } = await trx.executeQuery<CustomerRecord>(CompiledQuery.raw(READ, [customerId, enrollmentIds]))
  return new Map(rows.map((row) => [row.enrollmentId, row]))
}

const READ = `/* enterprise.customerRecords */
select r.id, r.enrollment_id as "enrollmentId", r.enrollment_version as "enrollmentVersion",
  r.unenrolled as "isUnenrolled",
  array(select f.uuid::text from enterprise_fulfilments f where f.record_id = r.id and f.revoked is null) as paying
from enterprise_enrollment_records r join enterprise_learner_links k on k.id = r.link_id
where k.customer_id = $1::integer and r.enrollment_id = any ((select $2::bigint[])::bigint[])`
