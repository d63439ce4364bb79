import type { Kysely } from 'kysely'
import { COURSE_COLUMNS, MODE_COLUMNS } from '../course/columns.ts'
import type { DB } from '../database/schema.ts'
import { PAGE_SIZE, pagesOf } from './pages.ts'

/** Exports the course runs. */
export function exportCourses(db: Kysely<DB>): AsyncGenerator<string> {
  const courses = db
    .selectFrom('courses')
    .select(['id', ...COURSE_COLUMNS])
    .orderBy('id')
    .limit(PAGE_SIZE)
  return pagesOf(
    (after: { id: number } | null) => courses.where('id', '>', after?.id ?? 0).execute(),
    (row) => ({ type: 'course', ...withoutId(row) }),
  )
}

/** Exports the modes of all course runs. */
export function exportModes(db: Kysely<DB>): AsyncGenerator<string> {
  const modes = db
    .selectFrom('course_modes as m')
    .innerJoin('courses as c', 'c.id', 'm.course_id')
    .select(['m.id', 'c.course_key as courseId', ...MODE_COLUMNS])
    .orderBy('m.id')
    .limit(PAGE_SIZE)
  return pagesOf(
    (after: { id: number } | null) => modes.where('m.id', '>', after?.id ?? 0).execute(),
    (row) => ({ type: 'mode', ...withoutId(row) }),
  )
}

/** Exports the cohorts; who is in them is not part of the format. */
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

/** Exports the embargo rules. */
export function exportEmbargoRules(db: Kysely<DB>): AsyncGenerator<string> {
  const rules = db
    .selectFrom('embargo_rules as r')
    .innerJoin('courses as c', 'c.id', 'r.course_id')
    .select(['r.course_id', 'c.course_key', 'r.whitelist', 'r.blacklist', 'r.message_key'])
    .orderBy('r.course_id')
    .limit(PAGE_SIZE)
  return pagesOf(
    (after: { course_id: number } | null) => rules.where('r.course_id', '>', after?.course_id ?? 0).execute(),
    (row) => ({
      type: 'embargo',
      courseId: row.course_key,
      whitelist: row.whitelist,
      blacklist: row.blacklist,
      messageKey: row.message_key,
    }),
  )
}

/** What is exported of a row: its id is only for the pages. */
function withoutId<T extends { readonly id: number }>(row: T): Omit<T, 'id'> {
  // oxlint-disable-next-line no-unused-vars -- it is named in order to be left out
  const { id, ...exported } = row
  return exported
}
