import type { LmsRow } from '../../source/source.ts'
import type { CourseKeys } from '../course-keys.ts'
import { learnerOf, linkBy, NO_LINK, sourceJoin, sourceOf } from '../enterprise-joins.ts'
import type { Conversion, Subject } from '../subject.ts'
import { anyCourseKeyOf, flagOf, instantOf, numberOf, uuidOf } from '../values.ts'

/** What customers know of enrollments. */
export const enterpriseRecords: Subject = {
  group: 'enterprise',
  table: 'enterprise_enterprisecourseenrollment',
  type: 'enterpriseRecord',
  key: 'id',
  columns: ['course_id', 'saved_for_later', 'unenrolled', 'unenrolled_at', 'created', 'modified'],
  joins: [linkBy('t.enterprise_customer_user_id'), sourceJoin],
  convert: convertRecord,
}

/** A row of `enterprise_enterprisecourseenrollment` with its link and source. */
export function convertRecord(row: LmsRow, courses: CourseKeys): Conversion {
  const linkId = numberOf(row['link_id'])
  if (linkId === null) return { leftAside: NO_LINK }
  const course = anyCourseKeyOf(row['course_id'], courses)
  const source = sourceOf(row)
  const isUnenrolled = flagOf(row['unenrolled'])
  const stated = instantOf(row['unenrolled_at'])
  const created = instantOf(row['created'])
  const line = {
    type: 'enterpriseRecord',
    customer: uuidOf(row['enterprise_customer_id']),
    username: learnerOf(row),
    courseId: course.key,
    ...source.part,
    savedForLater: flagOf(row['saved_for_later']),
    unenrolledAt: isUnenrolled ? (stated ?? instantOf(row['modified'])) : null,
    linkId,
    ...(created !== null && { created }),
  }
  const bent = [
    ...course.bent,
    ...source.bent,
    ...(isUnenrolled && stated === null ? ['unenrolled_at: is empty, and becomes modified'] : []),
  ]
  return { lines: [{ line }], bent }
}
