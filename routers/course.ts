import { z } from 'zod'
import { readCourseOffers } from '../core/course/offers.ts'
import { getCourse } from '../core/course/read.ts'
import { courseId } from './inputs.ts'
import { query, router } from './trpc.ts'

/** Course runs (rpc §3). */
export const courseRouter = router({
  get: query(
    z.strictObject({ courseId, includeExpired: z.boolean().default(false) }),
    ({ db, policy, stamp: { now } }, { courseId, includeExpired }) =>
      getCourse(db, courseId, { includeExpired, policy, now }),
  ),

  getMany: query(
    z.strictObject({ courseIds: z.array(courseId).min(1).max(1000) }),
    ({ db, policy, stamp: { now } }, { courseIds }) => readCourseOffers(db, courseIds, { policy, now }),
  ),
})
