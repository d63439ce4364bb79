import { z } from 'zod'
import { getCourse } from '../core/course/read.ts'
import { courseId } from './inputs.ts'
import { query, router } from './trpc.ts'

/** Course runs (rpc §3). */
export const courseRouter = router({
  get: query(
    z.strictObject({ courseId, includeExpired: z.boolean().default(false) }),
    ({ db, policy, stamp: { now } }, input) =>
      getCourse(db, input.courseId, { includeExpired: input.includeExpired, policy, now }),
  ),
})
