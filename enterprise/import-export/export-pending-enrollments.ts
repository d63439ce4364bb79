import { sql, type Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import { importFormat } from '../../routers/extension.ts'
import type { EnterpriseTables } from '../database/schema.ts'

const { PAGE_SIZE, pagesOfLines } = importFormat

/** Exports what waits, in the order in which it was asked for; what has ended is left out. */
export function exportPendingEnrollments(db: Kysely<DB>): AsyncGenerator<string> {
  const page = db
    .$extendTables<EnterpriseTables>()
    .selectFrom('enterprise_pending_enrollments as p')
    .innerJoin('enterprise_pending_links as k', 'k.id', 'p.pending_link_id')
    .innerJoin('enterprise_customers as c', 'c.id', 'k.customer_id')
    .leftJoin('enterprise_batches as b', 'b.id', 'p.batch_id')
    .select(['p.id', 'c.uuid', 'k.email', 'p.course_key', 'p.mode', 'p.license_uuid', 'p.transaction_id', 'p.cohort'])
    .select(['p.discount', 'p.source', 'p.force', 'p.is_default_auto_enrollment', 'p.when_enrolled', 'p.created'])
    .select(sql<string | null>`coalesce(p.salesforce_id, b.salesforce_id)`.as('salesforce_id'))
    .where('p.state', '=', 'waiting')
    .orderBy('p.id')
    .limit(PAGE_SIZE)
  return pagesOfLines(
    (after: { id: string } | null) => page.where('p.id', '>', after?.id ?? '0').execute(),
    (row) => ({
      type: 'pendingEnrollment',
      customer: row.uuid,
      email: row.email,
      courseId: row.course_key,
      mode: row.mode,
      license: row.license_uuid,
      transaction: row.transaction_id,
      cohort: row.cohort,
      discount: Number(row.discount),
      salesforceId: row.salesforce_id,
      source: row.source,
      force: row.force,
      isDefaultAutoEnrollment: row.is_default_auto_enrollment,
      whenEnrolled: row.when_enrolled,
      created: row.created,
      state: 'waiting',
    }),
  )
}
