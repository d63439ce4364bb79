import type { Transaction } from 'kysely'
import type { DB } from '../database/schema.ts'
import type { LineOf } from './lines.ts'
import { resolveRows, type GroupContext, type GroupOutcome, type Numbered } from './outcome.ts'
import { courseFinder } from './references.ts'
import { upsert, type UpsertTarget } from './upsert.ts'

const COURSES = {
  table: 'courses',
  conflict: 'course_key',
  match: 't.course_key = line.course_key',
  columns: {
    course_key: ['text', 'key'],
    org: ['text', 'first'],
    display_name: ['text', 'value'],
    starts: ['timestamptz', 'value'],
    ends: ['timestamptz', 'value'],
    enrollment_start: ['timestamptz', 'value'],
    enrollment_end: ['timestamptz', 'value'],
    invitation_only: ['boolean', 'value'],
    max_enrollments: ['integer', 'value'],
    self_paced: ['boolean', 'value'],
  },
} as const satisfies UpsertTarget

/** Imports course runs. */
export async function importCourses(
  trx: Transaction<DB>,
  lines: readonly Numbered<'course'>[],
  { added }: GroupContext,
): Promise<GroupOutcome> {
  const courseOf = await courseFinder(
    trx,
    lines.map(({ line }) => line.courseId),
    added,
  )
  const { rows, failures } = resolveRows(lines, ({ number, line }) => {
    const { stored, org } = line.courseId
    if (courseOf(stored, number) === undefined && !added.courses.has(stored)) added.courses.set(stored, number)
    return { key: stored, row: rowOf(line, stored, org) }
  })
  return { failures, written: await upsert(trx, COURSES, rows) }
}

function rowOf(line: LineOf<'course'>, stored: string, org: string) {
  return {
    course_key: stored,
    org,
    display_name: line.displayName,
    starts: line.start,
    ends: line.end,
    enrollment_start: line.enrollmentStart,
    enrollment_end: line.enrollmentEnd,
    invitation_only: line.invitationOnly,
    max_enrollments: line.maxEnrollments,
    self_paced: line.selfPaced,
  }
}
