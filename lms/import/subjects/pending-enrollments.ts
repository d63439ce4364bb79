import type { LmsRow } from '../../source/source.ts'
import type { CourseKeys } from '../course-keys.ts'
import { sourceJoin, sourceOf } from '../enterprise-joins.ts'
import type { Conversion, Subject } from '../subject.ts'
import { anyCourseKeyOf, instantOf, numberOf, textOf, textOrNull, uuidOf } from '../values.ts'

/** Enrollments that wait for an account. */
export const pendingEnrollments: Subject = {
  group: 'enterprise',
  table: 'enterprise_pendingenrollment',
  type: 'pendingEnrollment',
  key: 'id',
  columns: [
    ...['course_id', 'course_mode', 'cohort_name', 'discount_percentage', 'sales_force_id', 'license_uuid', 'created'],
  ],
  joins: [
    {
      table: 'enterprise_pendingenterprisecustomeruser',
      as: 'p',
      on: ['t.user_id', 'id'],
      columns: { user_email: 'user_email', enterprise_customer_id: 'enterprise_customer_id' },
    },
    sourceJoin,
  ],
  convert: convertPendingEnrollment,
}

/** A row of `enterprise_pendingenrollment` with its learner and source. */
export function convertPendingEnrollment(row: LmsRow, courses: CourseKeys): Conversion {
  const email = textOf(row['user_email'])
  if (email === null) return { leftAside: 'there is no such pending learner' }
  const course = anyCourseKeyOf(row['course_id'], courses)
  const source = sourceOf(row)
  const created = instantOf(row['created'])
  const line = {
    type: 'pendingEnrollment',
    customer: uuidOf(row['enterprise_customer_id']),
    email,
    courseId: course.key,
    mode: textOrNull(row['course_mode']),
    license: uuidOf(row['license_uuid']),
    cohort: textOrNull(row['cohort_name']),
    discount: numberOf(row['discount_percentage']) ?? 100,
    salesforceId: textOrNull(row['sales_force_id']),
    ...source.part,
    ...(created !== null && { created }),
  }
  return { lines: [{ line }], bent: [...course.bent, ...source.bent] }
}
