import { CompiledQuery, type Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'

/** An enrollment of which the LMS says the same as its version here. */
export interface Agreement {
  readonly enrollmentId: string
  readonly version: number
  /** Null: not known; the one that is known stays. */
  readonly lmsId: number | null
}

/**
 * Keeps that both sides say the same of enrollments, and which ids they have in the LMS. An id that another enrollment has
 * stays there.
 */
export async function keepAgreements(db: Kysely<DB>, agreements: readonly Agreement[]): Promise<void> {
  if (agreements.length === 0) return
  const parameters = [
    agreements.map(({ enrollmentId }) => enrollmentId),
    agreements.map(({ version }) => version),
    agreements.map(({ lmsId }) => lmsId),
  ]
  await db.executeQuery(CompiledQuery.raw(KEEP, parameters))
}

const KEEP = `/* lms.keepAgreements */
insert into enrollment_lms_ids as i (enrollment_id, agreed_version, lms_id)
select a.enrollment_id, a.version, case when not exists (
  select from enrollment_lms_ids o where o.lms_id = a.lms_id and o.enrollment_id <> a.enrollment_id
) then a.lms_id end
from unnest($1::bigint[], $2::integer[], $3::integer[]) as a (enrollment_id, version, lms_id)
order by a.enrollment_id
on conflict (enrollment_id) do update set
  agreed_version = greatest(i.agreed_version, excluded.agreed_version), lms_id = coalesce(excluded.lms_id, i.lms_id)`
