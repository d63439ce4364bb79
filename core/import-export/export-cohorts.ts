import { sql, type Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import { PAGE_SIZE, pagesOf } from './pages.ts'

/** Exports the cohorts. */
export function exportCohorts(db: Kysely<DB>): AsyncGenerator<string> {
  const cohorts = db
    .selectFrom('cohorts as h')
    .innerJoin('courses as c', 'c.id', 'h.course_id')
    .select(['h.id', 'c.course_key', 'h.name'])
    .orderBy('h.id')
    .limit(PAGE_SIZE)
  return pagesOf(
    (after: { id: number } | null) => cohorts.where('h.id', '>', after?.id ?? 0).execute(),
    (row) => ({ type: 'cohort', courseId: row.course_key, name: row.name }),
  )
}

/** Exports who is in which cohort. */
export function exportCohortMembers(db: Kysely<DB>): AsyncGenerator<string> {
  const members = db
    .selectFrom('cohort_members as m')
    .innerJoin('cohorts as h', 'h.id', 'm.cohort_id')
    .innerJoin('courses as c', 'c.id', 'm.course_id')
    .innerJoin('learners as l', 'l.id', 'm.learner_id')
    .select(['m.course_id', 'm.learner_id', 'c.course_key', 'h.name', 'l.username'])
    .orderBy('m.course_id')
    .orderBy('m.learner_id')
    .limit(PAGE_SIZE)
  return pagesOf(
    (after: { course_id: number; learner_id: number } | null) =>
      members
        .where(sql<boolean>`(m.course_id, m.learner_id) > (${after?.course_id ?? 0}, ${after?.learner_id ?? 0})`)
        .execute(),
    (row) => ({ type: 'cohortMember', courseId: row.course_key, cohort: row.name, username: row.username }),
  )
}

/** Exports the cohorts that are meant for people without an account. */
export function exportCohortPreassignments(db: Kysely<DB>): AsyncGenerator<string> {
  const places = db
    .selectFrom('cohort_preassignments as p')
    .innerJoin('cohorts as h', 'h.id', 'p.cohort_id')
    .innerJoin('courses as c', 'c.id', 'p.course_id')
    .select(['p.id', 'c.course_key', 'h.name', 'p.email'])
    .orderBy('p.id')
    .limit(PAGE_SIZE)
  return pagesOf(
    (after: { id: number } | null) => places.where('p.id', '>', after?.id ?? 0).execute(),
    (row) => ({ type: 'cohortPreassignment', courseId: row.course_key, cohort: row.name, email: row.email }),
  )
}
