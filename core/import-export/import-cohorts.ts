import type { Transaction } from 'kysely'
import type { DB } from '../database/schema.ts'
import { resolveInCourse } from './in-course.ts'
import type { GroupContext, GroupOutcome, Numbered } from './outcome.ts'
import { upsert, type UpsertTarget } from './upsert.ts'

const COHORTS = {
  table: 'cohorts',
  conflict: 'course_id, name',
  match: 't.course_id = line.course_id and t.name = line.name',
  columns: { course_id: ['integer', 'key'], name: ['text', 'key'] },
} as const satisfies UpsertTarget

/** Imports cohorts. */
export async function importCohorts(
  trx: Transaction<DB>,
  lines: readonly Numbered<'cohort'>[],
  context: GroupContext,
): Promise<GroupOutcome> {
  const { rows, failures } = await resolveInCourse(trx, lines, context, (line, courseId) => ({
    key: `${courseId} ${line.name}`,
    row: { course_id: courseId, name: line.name },
  }))
  return { failures, written: await upsert(trx, COHORTS, rows) }
}
