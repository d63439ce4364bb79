import { CompiledQuery, type Transaction } from 'kysely'
import type { RequestedRow, WhenEnrolled } from '../bulk/request.ts'
import type { EnterpriseDB } from '../database/schema.ts'
import type { RecordSource } from '../record-source.ts'

/** A row that waits, and whose address has an account as far as is known. */
export interface DueRow {
  readonly id: string
  readonly isLinked: boolean
  readonly isPermanentlyUnlinked: boolean
  /** What was asked for the learner. */
  readonly request: RequestedRow
  /** Why; null: nobody said, or it was imported. */
  readonly reason: string | null
}

/** Reads those of rows that still wait, in the order in which they were requested. */
export async function readDueRows(trx: Transaction<EnterpriseDB>, ids: readonly string[]): Promise<DueRow[]> {
  const { rows } = await trx.executeQuery<StoredRow>(CompiledQuery.raw(READ, [ids]))
  return rows.map((row) => ({
    id: row.id,
    isLinked: row.is_linked,
    isPermanentlyUnlinked: row.is_permanently_unlinked,
    request: requestOf(row),
    reason: row.reason,
  }))
}

/** Locks the links behind which rows wait, in the order of their addresses. The accounts of the learners are locked before. */
export async function lockLinksOf(trx: Transaction<EnterpriseDB>, ids: readonly string[]): Promise<void> {
  await trx.executeQuery(CompiledQuery.raw(LOCK, [ids]))
}

function requestOf(row: StoredRow): RequestedRow {
  const funding = fundingOf(row)
  return {
    email: row.email,
    courseId: row.course_key,
    ...(row.mode !== null && { mode: row.mode }),
    ...(funding !== null && { funding }),
    ...(row.cohort !== null && { cohort: row.cohort }),
    force: row.force,
    isDefaultAutoEnrollment: row.is_default_auto_enrollment,
    reviveRevoked: false,
    source: row.source,
    whenEnrolled: row.when_enrolled,
  }
}

function fundingOf({ license_uuid: license, transaction_id: transaction }: StoredRow): RequestedRow['funding'] | null {
  if (license !== null) return { license }
  return transaction === null ? null : { transaction }
}

interface StoredRow {
  id: string
  course_key: string
  mode: string | null
  license_uuid: string | null
  transaction_id: string | null
  cohort: string | null
  force: boolean
  is_default_auto_enrollment: boolean
  source: RecordSource
  when_enrolled: WhenEnrolled
  email: string
  is_linked: boolean
  is_permanently_unlinked: boolean
  reason: string | null
}

// A seat is not lost for a cohort that is not there.
const READ = `/* enterprise.dueRows */
select p.id, p.course_key, p.mode, p.license_uuid, p.transaction_id,
  (select h.name from courses c join cohorts h on h.course_id = c.id where c.course_key = p.course_key and h.name = p.cohort)
    as cohort,
  p.force, p.is_default_auto_enrollment,
  p.source, p.when_enrolled, k.email, k.is_linked, k.is_permanently_unlinked, b.reason
from enterprise_pending_enrollments p
join enterprise_pending_links k on k.id = p.pending_link_id
left join enterprise_batches b on b.id = p.batch_id
where p.id = any ((select $1::bigint[])::bigint[]) and p.state = 'waiting'
order by p.id`

const LOCK = `/* enterprise.lockLinks */
select id from enterprise_pending_links
where id in (select pending_link_id from enterprise_pending_enrollments where id = any ((select $1::bigint[])::bigint[]))
order by email for no key update`
