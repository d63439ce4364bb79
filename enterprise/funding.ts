import { sql } from 'kysely'
import type { FundingSource } from '../routers/extension.ts'

/** Enrollments that a customer has on record and has not ended. */
export const enterpriseFunding: FundingSource = {
  name: 'enterprise',
  async fundedEnrollments(db, enrollmentIds) {
    const { rows } = await sql<{ enrollment_id: string }>`
      select distinct enrollment_id from enterprise_enrollment_records
      where enrollment_id = any (${enrollmentIds}::bigint[]) and not unenrolled`.execute(db)
    return new Set(rows.map((row) => row.enrollment_id))
  },
}
