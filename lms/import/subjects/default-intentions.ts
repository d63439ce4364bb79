import type { LmsRow } from '../../source/source.ts'
import type { CourseKeys } from '../course-keys.ts'
import { learnerOf, linkBy, NO_LINK } from '../enterprise-joins.ts'
import type { Conversion, Subject } from '../subject.ts'
import { anyCourseKeyOf, flagOf, instantOf, numberOf, textOf, uuidOf } from '../values.ts'

/** The course runs in which customers want their learners enrolled by default. */
export const defaultIntentions: Subject = {
  group: 'enterprise',
  table: 'enterprise_defaultenterpriseenrollmentintention',
  type: 'defaultIntention',
  key: 'uuid',
  columns: ['enterprise_customer_id', 'content_type', 'content_key', 'is_removed', 'created'],
  convert: convertIntention,
}

/** A row of `enterprise_defaultenterpriseenrollmentintention`. */
export function convertIntention(row: LmsRow, courses: CourseKeys): Conversion {
  if (textOf(row['content_type']) === 'course') {
    return {
      leftAside: `'${textOf(row['content_key']) ?? ''}' is a course and not one of its runs, which has no place here`,
    }
  }
  const course = anyCourseKeyOf(row['content_key'], courses)
  const created = instantOf(row['created'])
  const line = {
    type: 'defaultIntention',
    customer: uuidOf(row['enterprise_customer_id']),
    courseId: course.key,
    isRemoved: flagOf(row['is_removed']),
    ...(created !== null && { created }),
  }
  return { lines: [{ line }], bent: course.bent }
}

/** The records that came of them. */
export const defaultRealizations: Subject = {
  group: 'enterprise',
  table: 'enterprise_defaultenterpriseenrollmentrealization',
  type: 'defaultRealization',
  key: 'id',
  columns: ['created'],
  joins: [
    {
      table: 'enterprise_enterprisecourseenrollment',
      as: 'r',
      on: ['t.realized_enrollment_id', 'id'],
      columns: { course_id: 'course_id' },
    },
    linkBy('r.enterprise_customer_user_id'),
  ],
  convert: convertRealization,
}

/** A row of `enterprise_defaultenterpriseenrollmentrealization` with its record and link. */
export function convertRealization(row: LmsRow, courses: CourseKeys): Conversion {
  if (numberOf(row['link_id']) === null) return { leftAside: NO_LINK }
  const course = anyCourseKeyOf(row['course_id'], courses)
  const created = instantOf(row['created'])
  const line = {
    type: 'defaultRealization',
    customer: uuidOf(row['enterprise_customer_id']),
    courseId: course.key,
    username: learnerOf(row),
    ...(created !== null && { created }),
  }
  return { lines: [{ line }], bent: course.bent }
}
