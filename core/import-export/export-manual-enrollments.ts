import { sql, type Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import { PAGE_SIZE, pagesOf } from './pages.ts'

/** Exports the audit of manual enrollment, oldest first. */
export function exportManualEnrollments(db: Kysely<DB>): AsyncGenerator<string> {
  const audit = db
    .selectFrom('manual_enrollments as m')
    .leftJoin('learners as a', 'a.id', 'm.actor_id')
    .leftJoin('enrollments as e', 'e.id', 'm.enrollment_id')
    .leftJoin('learners as l', 'l.id', 'e.learner_id')
    .select(['m.id', 'm.email', 'm.course_key', 'a.username as actor', 'l.username as enrolled'])
    .select(['m.transition', 'm.reason', 'm.role', 'm.created'])
    .select(
      sql<number>`(
        select count(*)::integer from manual_enrollments s
        where s.id <= m.id and fold_email(s.email) is not distinct from fold_email(m.email) and s.course_key = m.course_key
          and (s.email, s.actor_id, s.enrollment_id, s.transition, s.reason, s.role, s.created)
            is not distinct from (m.email, m.actor_id, m.enrollment_id, m.transition, m.reason, m.role, m.created)
      )`.as('number'),
    )
    .orderBy('m.id')
    .limit(PAGE_SIZE)
  return pagesOf(
    (after: { id: string } | null) => audit.where('m.id', '>', after?.id ?? '0').execute(),
    (row) => ({
      type: 'manualEnrollment',
      email: row.email,
      courseId: row.course_key,
      actor: row.actor,
      enrolled: row.enrolled,
      transition: row.transition,
      reason: row.reason,
      role: row.role,
      created: row.created,
      ...(row.number > 1 && { number: row.number }),
    }),
  )
}
