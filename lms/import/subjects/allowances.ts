import { sql } from 'kysely'
import { foldEmail } from '../../../core/learner/email-address.ts'
import type { LmsRow } from '../../source/source.ts'
import type { CourseKeys } from '../course-keys.ts'
import { account, type Conversion, type DraftLine, type Removal, type Subject } from '../subject.ts'
import { anyCourseKeyOf, flagOf, idOf, instantOf, numberOf, textOf } from '../values.ts'

const removal: Removal = {
  identity: ({ email, courseId }) => JSON.stringify([foldEmail(String(email)), courseId]),
  async remove(trx, lines) {
    const values = (key: string) => lines.map((line) => String(line[key]))
    await sql`
      delete from enrollment_allowances a
      using unnest(${values('email')}::text[], ${values('courseId')}::text[]) as line (email, course_key)
      where fold_email(a.email) = fold_email(line.email) and a.course_key = line.course_key`.execute(trx)
  },
}

/** Allowances, with whoever has used them (lms.md A.3). The course run need not be here. */
export const allowances: Subject = {
  group: 'allowances',
  table: 'student_courseenrollmentallowed',
  type: 'allowance',
  key: 'id',
  columns: ['email', 'course_id', 'auto_enroll', 'created', 'user_id'],
  joins: [{ table: 'auth_user', as: 'u', on: ['t.user_id', 'id'], columns: { claimant: 'id' } }],
  convert: convertAllowance,
  removal,
}

/** A row of `student_courseenrollmentallowed`. */
export function convertAllowance(row: LmsRow, courses: CourseKeys): Conversion {
  const course = anyCourseKeyOf(row['course_id'], courses)
  const created = instantOf(row['created'])
  const claimant = numberOf(row['claimant'])
  const line: DraftLine = {
    type: 'allowance',
    email: textOf(row['email']) ?? '',
    courseId: course.key,
    autoEnroll: flagOf(row['auto_enroll']),
    claimedBy: claimant === null ? null : account(claimant),
    ...(created !== null && { created }),
  }
  const isGone = row['user_id'] !== null && claimant === null
  const gone = isGone ? [`user_id: there is no account ${idOf(row['user_id'])}: nobody has used it`] : []
  return { lines: [{ line }], bent: [...course.bent, ...gone] }
}
