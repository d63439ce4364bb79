import { sql } from 'kysely'
import { z } from 'zod'
import { courseKeyOf } from '../../core/course/key.ts'
import { EnrollmentError, failure } from '../../core/errors.ts'
import { enrollmentOf, selectEnrollments } from '../../core/enrollment/read.ts'
import { decodeSearchCursor, encodeSearchCursor, idsOfCourses, ofCourses } from '../../core/enrollment/search.ts'
import { foldEmail } from '../../core/learner/email-address.ts'
import { storableText } from '../../core/text.ts'
import { query } from '../../routers/operation.ts'
import { containing, cutPage, limit, pageOf, searchText } from './page.ts'

const rosterRow = z.strictObject({
  id: z.string(),
  version: z.number().int(),
  userId: z.string(),
  username: z.string(),
  courseId: z.string(),
  mode: z.string(),
  isActive: z.boolean(),
  created: z.string(),
  updated: z.string(),
  name: z.string(),
  email: z.string().nullable(),
})

/**
 * The learners of a course run with their names and addresses, newest enrollment first. `text` is looked for in usernames, names and
 * addresses, in any case.
 */
export const roster = query({
  input: z.strictObject({
    courseId: z.string(),
    text: searchText,
    mode: storableText(100).optional(),
    isActive: z.boolean().optional(),
    cursor: z
      .string()
      .max(200)
      .refine((cursor) => decodeSearchCursor(cursor) !== null, { error: 'Not a cursor of this roster' })
      .optional(),
    limit,
  }),
  output: pageOf(rosterRow),
  handler: async ({ db }, { courseId, text = '', mode, isActive, cursor, limit: size }) => {
    const courses = await idsOfCourses(db, [courseKeyOf(courseId).stored])
    if (courses.length === 0) throw new EnrollmentError(failure('courseNotFound', { courseId }))
    let rows = selectEnrollments(db).select(['l.name', 'l.email']).where(ofCourses(courses))
    if (mode !== undefined) rows = rows.where('e.mode', '=', mode)
    if (isActive !== undefined) rows = rows.where('e.is_active', '=', isActive)
    if (text !== '') {
      const pattern = containing(foldEmail(text))
      rows = rows.where(
        sql<boolean>`(fold_email(l.username) like ${pattern} or fold_email(l.name) like ${pattern} or fold_email(l.email) like ${pattern})`,
      )
    }
    const after = cursor === undefined ? null : decodeSearchCursor(cursor)
    if (after !== null) {
      rows = rows.where(sql<boolean>`(e.created, e.id) < (${after.created}::timestamptz, ${after.id}::bigint)`)
    }
    const found = await rows
      .orderBy('e.created', 'desc')
      .orderBy('e.id', 'desc')
      .limit(size + 1)
      .execute()
    const items = found.map(({ name, email, ...row }) => ({ ...enrollmentOf(row), name, email }))
    return cutPage(items, size, encodeSearchCursor)
  },
})
