import { sql } from 'kysely'
import { z } from 'zod'
import { COURSE_COLUMNS } from '../../core/course/columns.ts'
import { courseKeyOf } from '../../core/course/key.ts'
import { nameFromKey } from '../../core/course/read.ts'
import { EnrollmentError, failure } from '../../core/errors.ts'
import { foldEmail } from '../../core/learner/email-address.ts'
import { storableText } from '../../core/text.ts'
import { query } from '../../routers/operation.ts'
import { containing, cutPage, limit, pageOf, searchText } from './page.ts'

const instant = z.string().nullable()

const listedCourse = z.strictObject({
  courseId: z.string(),
  displayName: z.string(),
  start: instant,
  end: instant,
  enrollmentStart: instant,
  enrollmentEnd: instant,
  invitationOnly: z.boolean(),
  maxEnrollments: z.number().int().nullable(),
})

/** Course runs by their keys; `text` is looked for in keys and names, in any case. */
export const listCourses = query({
  input: z.strictObject({ text: searchText, cursor: storableText(255).optional(), limit }).default({ limit: 100 }),
  output: pageOf(listedCourse),
  handler: async ({ db }, { text = '', cursor = '', limit: size }) => {
    let courses = db
      .selectFrom('courses')
      .select([...COURSE_COLUMNS])
      .where('course_key', '>', cursor)
      .orderBy('course_key')
      .limit(size + 1)
    if (text !== '') {
      const pattern = containing(foldEmail(text))
      courses = courses.where(
        sql<boolean>`(fold_email(course_key) like ${pattern} or fold_email(coalesce(display_name, '')) like ${pattern})`,
      )
    }
    const rows = (await courses.execute()).map(
      ({ courseId, displayName, start, end, enrollmentStart, enrollmentEnd, invitationOnly, maxEnrollments }) => ({
        courseId,
        displayName: displayName ?? nameFromKey(courseId),
        ...{ start, end, enrollmentStart, enrollmentEnd, invitationOnly, maxEnrollments },
      }),
    )
    return cutPage(rows, size, ({ courseId }) => courseId)
  },
})

/** How many enrollments a course run has, by mode and state, and who decides about it: this service or the LMS. */
export const courseSummary = query({
  input: z.strictObject({ courseId: z.string() }),
  output: z.strictObject({
    owner: z.string(),
    enrollments: z.array(z.strictObject({ mode: z.string(), isActive: z.boolean(), count: z.number().int() })),
  }),
  handler: async ({ db }, { courseId }) => {
    const course = await db
      .selectFrom('courses')
      .select(['id', 'owner'])
      .where('course_key', '=', courseKeyOf(courseId).stored)
      .executeTakeFirst()
    if (course === undefined) throw new EnrollmentError(failure('courseNotFound', { courseId }))
    const counts = await db
      .selectFrom('enrollments')
      .select(['mode', 'is_active as isActive', sql<string>`count(*)`.as('count')])
      .where('course_id', '=', course.id)
      .groupBy(['mode', 'is_active'])
      .orderBy('mode')
      .orderBy('is_active', 'desc')
      .execute()
    return { owner: course.owner, enrollments: counts.map((each) => ({ ...each, count: Number(each.count) })) }
  },
})
