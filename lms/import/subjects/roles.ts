import { sql } from 'kysely'
import type { LmsRow } from '../../source/source.ts'
import type { CourseKeys } from '../course-keys.ts'
import { account, type Conversion, type Removal, type Subject } from '../subject.ts'
import { anyCourseKeyOf, idOf, textOf, textOrNull } from '../values.ts'

const removal: Removal = {
  identity: ({ username, role, org, courseId }) => JSON.stringify([username, role, org, courseId]),
  async remove(trx, lines) {
    const values = (key: string) => lines.map((line) => line[key] ?? null)
    await sql`
      delete from roles r
      using learners l, unnest(${values('username')}::text[], ${values('role')}::text[], ${values('org')}::text[],
        ${values('courseId')}::text[]) as line (username, role, org, course_key)
      where l.username = line.username and r.learner_id = l.id and r.role = line.role and r.org = line.org
        and r.course_key is not distinct from line.course_key`.execute(trx)
  },
}

/**
 * Roles, also without a course run or an organisation (lms.md A.1). The course run need not be here; where it is, its key is
 * written as it is here.
 */
export const roles: Subject = {
  group: 'roles',
  table: 'student_courseaccessrole',
  type: 'role',
  key: 'id',
  columns: ['user_id', 'org', 'course_id', 'role'],
  convert: convertRole,
  removal,
}

/** A row of `student_courseaccessrole`. */
export function convertRole(row: LmsRow, courses: CourseKeys): Conversion {
  const course = textOrNull(row['course_id']) === null ? null : anyCourseKeyOf(row['course_id'], courses)
  const line = {
    type: 'role',
    username: account(idOf(row['user_id'])),
    role: textOf(row['role']) ?? '',
    org: textOf(row['org']) ?? '',
    courseId: course?.key ?? null,
  }
  return { lines: [{ line }], bent: course?.bent }
}
