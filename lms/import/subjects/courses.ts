import { sql, type Transaction } from 'kysely'
import { parseCourseKey } from '../../../core/course/key.ts'
import type { DB } from '../../../core/database/schema.ts'
import type { LmsRow } from '../../source/source.ts'
import type { Conversion, Line, Subject } from '../subject.ts'
import { cut, flagOf, instantOf, numberOf, textOf } from '../values.ts'

/** Course runs, from the LMS's overviews of them (lms.md A.2). */
export const courses: Subject = {
  group: 'courses',
  table: 'course_overviews_courseoverview',
  type: 'course',
  key: 'id',
  columns: [
    ...['id', 'display_name', 'start', 'end', 'enrollment_start', 'enrollment_end'],
    ...['invitation_only', 'max_student_enrollments_allowed', 'self_paced'],
  ],
  convert: convertCourse,
  complete: withOwner,
}

/** A row of `course_overviews_courseoverview`. */
export function convertCourse(row: LmsRow): Conversion {
  const courseId = textOf(row['id']) ?? ''
  if (parseCourseKey(courseId) === null) return { leftAside: `'${courseId}' is not a course key` }
  const max = numberOf(row['max_student_enrollments_allowed'])
  const name = textOf(row['display_name'])
  const { text: displayName, isCut } = name === null ? { text: null, isCut: false } : cut(name, 255)
  const bent = [
    ...(max !== null && max < 0 ? [`max_student_enrollments_allowed: ${max} becomes 0: nobody`] : []),
    ...(isCut ? ['display_name: is cut after 255 characters'] : []),
  ]
  const line = {
    type: 'course',
    courseId,
    displayName,
    start: instantOf(row['start']),
    end: instantOf(row['end']),
    enrollmentStart: instantOf(row['enrollment_start']),
    enrollmentEnd: instantOf(row['enrollment_end']),
    invitationOnly: flagOf(row['invitation_only']),
    maxEnrollments: max === null ? null : Math.max(max, 0),
    selfPaced: flagOf(row['self_paced']),
  }
  return { lines: [{ line }], bent }
}

/** What is new here belongs to the LMS until it is taken over (adoption.md §3); an owner that was set here stays. */
async function withOwner(trx: Transaction<DB>, lines: readonly Line[]): Promise<readonly Line[]> {
  const keyOf = (line: Line) => parseCourseKey(String(line['courseId']))?.stored ?? ''
  const { rows } = await sql<{ course_key: string }>`
    select course_key from courses where course_key = any (${lines.map(keyOf)}::text[])`.execute(trx)
  const known = new Set(rows.map(({ course_key }) => course_key))
  return lines.map((line) => (known.has(keyOf(line)) ? line : { ...line, owner: 'lms' }))
}
