import { sql } from 'kysely'
import { foldEmail } from '../../../core/learner/email-address.ts'
import type { LmsRow } from '../../source/source.ts'
import type { CourseKeys } from '../course-keys.ts'
import type { Conversion, Removal, Subject } from '../subject.ts'
import { courseRunOf, noCourseRun, textOf } from '../values.ts'

const removal: Removal = {
  identity: ({ courseId, email }) => JSON.stringify([courseId, foldEmail(String(email))]),
  async remove(trx, lines) {
    const values = (key: string) => lines.map((line) => String(line[key]))
    await sql`
      delete from cohort_preassignments p
      using courses c, unnest(${values('courseId')}::text[], ${values('email')}::text[]) as line (course_key, email)
      where c.course_key = line.course_key and p.course_id = c.id
        and fold_email(p.email) = fold_email(line.email)`.execute(trx)
  },
}

/** Cohorts that addresses without an account are meant for (lms.md A.4). */
export const cohortPreassignments: Subject = {
  group: 'members',
  table: 'course_groups_unregisteredlearnercohortassignments',
  type: 'cohortPreassignment',
  key: 'id',
  columns: ['email', 'course_id'],
  joins: [
    {
      table: 'course_groups_courseusergroup',
      as: 'g',
      on: ['t.course_user_group_id', 'id'],
      columns: { cohort: 'name' },
    },
  ],
  convert: convertPreassignment,
  removal,
}

/** A row of `course_groups_unregisteredlearnercohortassignments` with its cohort. */
export function convertPreassignment(row: LmsRow, courses: CourseKeys): Conversion {
  const course = courseRunOf(row['course_id'], courses)
  if (course === null) return { leftAside: noCourseRun(row['course_id']) }
  const cohort = textOf(row['cohort'])
  if (cohort === null) return { leftAside: 'there is no such cohort' }
  const line = { type: 'cohortPreassignment', courseId: course.key, cohort, email: textOf(row['email']) ?? '' }
  return { lines: [{ line }], bent: course.bent }
}
