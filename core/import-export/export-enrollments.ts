import { sql, type Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import type { Attribute } from '../enrollment/attributes.ts'
import { PAGE_SIZE, pagesOf } from './pages.ts'

/** Exports the allowances. */
export function exportAllowances(db: Kysely<DB>): AsyncGenerator<string> {
  const allowances = db
    .selectFrom('enrollment_allowances as w')
    .leftJoin('learners as l', 'l.id', 'w.claimed_by')
    .select(['w.id', 'w.email', 'w.course_key', 'w.auto_enroll', 'l.username'])
    .orderBy('w.id')
    .limit(PAGE_SIZE)
  return pagesOf(
    (after: { id: number } | null) => allowances.where('w.id', '>', after?.id ?? 0).execute(),
    (row) => ({
      type: 'allowance',
      email: row.email,
      courseId: row.course_key,
      autoEnroll: row.auto_enroll,
      claimedBy: row.username,
    }),
  )
}

/**
 * Exports the enrollments with their attributes, by learner and course run: that order is an index, and no order of time
 * would tell apart what was imported at one instant. Versions and events stay behind.
 */
export function exportEnrollments(db: Kysely<DB>): AsyncGenerator<string> {
  const enrollments = db
    .selectFrom('enrollments as e')
    .innerJoin('learners as l', 'l.id', 'e.learner_id')
    .innerJoin('courses as c', 'c.id', 'e.course_id')
    .select(['e.learner_id', 'e.course_id', 'l.username', 'c.course_key', 'e.mode', 'e.is_active', 'e.created'])
    .select(
      sql<Attribute[]>`(
        select coalesce(json_agg(json_build_object('namespace', a.namespace, 'name', a.name, 'value', a.value)
          order by a.position), '[]')
        from enrollment_attributes a where a.enrollment_id = e.id)`.as('attributes'),
    )
    .orderBy('e.learner_id')
    .orderBy('e.course_id')
    .limit(PAGE_SIZE)
  return pagesOf(
    (after: { learner_id: number; course_id: number } | null) =>
      enrollments
        .where(sql<boolean>`(e.learner_id, e.course_id) > (${after?.learner_id ?? 0}, ${after?.course_id ?? 0})`)
        .execute(),
    (row) => ({
      type: 'enrollment',
      username: row.username,
      courseId: row.course_key,
      mode: row.mode,
      isActive: row.is_active,
      created: row.created,
      attributes: row.attributes,
    }),
  )
}
