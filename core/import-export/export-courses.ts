import type { Kysely } from 'kysely'
import { COURSE_COLUMNS, MODE_COLUMNS } from '../course/columns.ts'
import type { DB } from '../database/schema.ts'
import { PAGE_SIZE, pagesOf } from './pages.ts'

/** Exports the course runs. */
export function exportCourses(db: Kysely<DB>): AsyncGenerator<string> {
  const courses = db
    .selectFrom('courses')
    .select(['id', 'owner', ...COURSE_COLUMNS])
    .orderBy('id')
    .limit(PAGE_SIZE)
  return pagesOf(
    (after: { id: number } | null) => courses.where('id', '>', after?.id ?? 0).execute(),
    ({ owner, ...row }) => ({ type: 'course', ...withoutId(row), ...(owner === 'lms' && { owner: 'lms' as const }) }),
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

/** What is exported of a row: its id is only for the pages. */
function withoutId<T extends { readonly id: number }>(row: T): Omit<T, 'id'> {
  // oxlint-disable-next-line no-unused-vars -- it is named in order to be left out
  const { id, ...exported } = row
  return exported
}
