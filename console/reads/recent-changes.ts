import { z } from 'zod'
import { courseKeyOf } from '../../core/course/key.ts'
import { sourceOfEnrollments } from '../../core/event/source.ts'
import { eventOf, selectEvents } from '../../core/event/row.ts'
import { idsOfCourses, ofCourses } from '../../core/enrollment/search.ts'
import { events } from '../../routers/outputs.ts'
import { query } from '../../routers/operation.ts'

/** So many of the enrollments that changed last are looked at: what a person reads is among their events. */
const MAX_ENROLLMENTS = 200

/** The latest changes in a course run, newest first, so many that a person can read them. */
export const recentChanges = query({
  input: z.strictObject({ courseId: z.string(), limit: z.number().int().min(1).max(MAX_ENROLLMENTS).default(50) }),
  output: events,
  handler: async ({ db }, { courseId, limit }) => {
    const courses = await idsOfCourses(db, [courseKeyOf(courseId).stored])
    if (courses.length === 0) return []
    const changed = await db
      .selectFrom('enrollments as e')
      .select('e.id')
      .where(ofCourses(courses))
      .orderBy('e.updated', 'desc')
      .limit(limit)
      .execute()
    if (changed.length === 0) return []
    const rows = await selectEvents(db, sourceOfEnrollments(changed.map(({ id }) => id)))
      .orderBy('v.at', 'desc')
      .orderBy('v.id', 'desc')
      .limit(limit)
      .execute()
    return rows.map(eventOf)
  },
})
