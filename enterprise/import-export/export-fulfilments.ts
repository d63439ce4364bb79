import { sql, type Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import { importFormat } from '../../routers/extension.ts'
import type { EnterpriseTables } from '../database/schema.ts'

const { PAGE_SIZE, pagesOfLines } = importFormat

/** Exports fulfilments, by their records. */
export function exportFulfilments(db: Kysely<DB>): AsyncGenerator<string> {
  const page = db
    .$extendTables<EnterpriseTables>()
    .selectFrom('enterprise_fulfilments as f')
    .innerJoin('enterprise_enrollment_records as r', 'r.id', 'f.record_id')
    .innerJoin('enterprise_learner_links as k', 'k.id', 'r.link_id')
    .innerJoin('enterprise_customers as c', 'c.id', 'k.customer_id')
    .innerJoin('learners as l', 'l.id', 'k.learner_id')
    .select(['f.record_id', 'f.uuid', 'f.kind', 'f.funding_id', 'f.created', 'f.revoked'])
    .select(['c.uuid as customer', 'l.username', 'r.course_key'])
    .orderBy('f.record_id')
    .orderBy('f.uuid')
    .limit(PAGE_SIZE)
  return pagesOfLines(
    (after: { record_id: string; uuid: string } | null) =>
      (after === null
        ? page
        : page.where(sql<boolean>`(f.record_id, f.uuid) > (${after.record_id}::bigint, ${after.uuid}::uuid)`)
      ).execute(),
    (row) => ({
      type: 'fulfilment',
      uuid: row.uuid,
      customer: row.customer,
      username: row.username,
      courseId: row.course_key,
      [row.kind]: row.funding_id,
      created: row.created,
      revokedAt: row.revoked,
    }),
  )
}
