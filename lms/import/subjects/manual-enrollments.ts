import { foldEmail } from '../../../core/learner/email-address.ts'
import type { LmsRow, LmsSource } from '../../source/source.ts'
import type { CourseKeys } from '../course-keys.ts'
import { account, type Conversion, type Subject } from '../subject.ts'
import { anyCourseKeyOf, cut, idOf, instantOf, numberOf, textOf, textOrNull } from '../values.ts'

/**
 * Who enrolled whom by hand, and why (lms.md A.3). The LMS names the course run only by the enrollment: where there is none yet,
 * it is that of the address's allowance which was made nearest to the entry.
 */
export const manualEnrollments: Subject = {
  group: 'audit',
  table: 'student_manualenrollmentaudit',
  type: 'manualEnrollment',
  key: 'id',
  columns: ['enrolled_email', 'time_stamp', 'state_transition', 'reason', 'role', 'enrolled_by_id', 'enrollment_id'],
  joins: [
    {
      table: 'student_courseenrollment',
      as: 'e',
      on: ['t.enrollment_id', 'id'],
      columns: { course_id: 'course_id', enrolled: 'user_id' },
    },
    { table: 'auth_user', as: 'u', on: ['t.enrolled_by_id', 'id'], columns: { actor: 'id' } },
  ],
  readMore: withAllowances,
  convert: convertManualEnrollment,
}

/** A row of `student_manualenrollmentaudit` with its enrollment, or with the course run of an allowance. */
export function convertManualEnrollment(row: LmsRow, courses: CourseKeys): Conversion {
  const enrolled = numberOf(row['enrolled'])
  const stated = textOrNull(row['course_id'])
  const guessed = textOrNull(row['allowed_course_id'])
  if (stated === null && guessed === null) {
    return { leftAside: 'it names no enrollment, and the address has no allowance that tells the course run' }
  }
  const course = anyCourseKeyOf(stated ?? guessed, courses)
  const reason = cut(textOf(row['reason']) ?? '', 100_000)
  const actor = numberOf(row['actor'])
  const line = {
    type: 'manualEnrollment',
    email: textOrNull(row['enrolled_email']),
    courseId: course.key,
    actor: actor === null ? null : account(actor),
    enrolled: enrolled === null ? null : account(enrolled),
    transition: textOf(row['state_transition']) ?? '',
    reason: row['reason'] === null ? null : reason.text,
    role: textOf(row['role']),
    created: instantOf(row['time_stamp']),
  }
  const bent = [
    ...course.bent,
    ...(stated === null ? [`it names no course run: '${course.key}' is that of the allowance of the address`] : []),
    ...(row['enrolled_by_id'] !== null && actor === null
      ? [`enrolled_by_id: there is no account ${idOf(row['enrolled_by_id'])}`]
      : []),
    ...(reason.isCut ? ['reason: is cut after 100000 characters'] : []),
  ]
  return { lines: [{ line }], bent }
}

async function withAllowances(source: LmsSource, rows: readonly LmsRow[]): Promise<readonly LmsRow[]> {
  const open = rows.filter((row) => textOrNull(row['course_id']) === null)
  if (open.length === 0 || (await source.columns('student_courseenrollmentallowed')).size === 0) return rows
  const allowances = await source.query<LmsRow>(
    'select email, course_id, created from student_courseenrollmentallowed where email in (?) order by id',
    [[...new Set(open.map((row) => row['enrolled_email'] ?? null))]],
  )
  const byEmail = Map.groupBy(allowances, (row) => foldEmail(textOf(row['email']) ?? ''))
  return rows.map((row) => {
    if (textOrNull(row['course_id']) !== null) return row
    const candidates = byEmail.get(foldEmail(textOf(row['enrolled_email']) ?? '')) ?? []
    const nearest = candidates.toSorted((a, b) => distance(row, a) - distance(row, b))[0]
    return { ...row, allowed_course_id: nearest?.['course_id'] ?? null }
  })
}

function distance(entry: LmsRow, allowance: LmsRow): number {
  const [at, made] = [instantOf(entry['time_stamp']), instantOf(allowance['created'])]
  return at === null || made === null ? Number.MAX_VALUE : Math.abs(Date.parse(at) - Date.parse(made))
}
