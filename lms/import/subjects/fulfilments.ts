import type { LmsRow } from '../../source/source.ts'
import type { CourseKeys } from '../course-keys.ts'
import { learnerOf, linkBy, NO_LINK } from '../enterprise-joins.ts'
import type { Conversion, Subject } from '../subject.ts'
import { anyCourseKeyOf, flagOf, instantOf, numberOf, textOf, uuidOf } from '../values.ts'

/** Licenses and learner credit that pay for enrollments, with their UUIDs. */
export const fulfilments: readonly Subject[] = [
  fulfilmentsIn('enterprise_licensedenterprisecourseenrollment', { column: 'license_uuid', key: 'license' }),
  fulfilmentsIn('enterprise_learnercreditenterprisecourseenrollment', { column: 'transaction_id', key: 'transaction' }),
]

interface Funding {
  readonly column: string
  readonly key: 'license' | 'transaction'
}

function fulfilmentsIn(table: string, funding: Funding): Subject {
  return {
    group: 'enterprise',
    table,
    type: 'fulfilment',
    key: 'id',
    columns: ['uuid', 'is_revoked', funding.column, 'created', 'modified'],
    joins: [
      {
        table: 'enterprise_enterprisecourseenrollment',
        as: 'r',
        on: ['t.enterprise_course_enrollment_id', 'id'],
        columns: { course_id: 'course_id' },
      },
      linkBy('r.enterprise_customer_user_id'),
    ],
    convert: (row, courses) => convertFulfilment(row, courses, funding),
  }
}

/** A row of either table of fulfilments, with its record and link. */
export function convertFulfilment(row: LmsRow, courses: CourseKeys, { column, key }: Funding): Conversion {
  if (textOf(row['course_id']) === null) return { leftAside: 'there is no record of an enrollment that it pays for' }
  if (numberOf(row['link_id']) === null) return { leftAside: NO_LINK }
  const course = anyCourseKeyOf(row['course_id'], courses)
  const created = instantOf(row['created'])
  const line = {
    type: 'fulfilment',
    uuid: uuidOf(row['uuid']),
    customer: uuidOf(row['enterprise_customer_id']),
    username: learnerOf(row),
    courseId: course.key,
    [key]: uuidOf(row[column]),
    // The LMS does not say since when.
    revokedAt: flagOf(row['is_revoked']) ? (instantOf(row['modified']) ?? created) : null,
    ...(created !== null && { created }),
  }
  return { lines: [{ line }], bent: course.bent }
}
