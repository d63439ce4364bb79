import { z } from 'zod'
import { readCourseOffers } from '../core/course/offers.ts'
import { getCourse } from '../core/course/read.ts'
import { courseId } from './inputs.ts'
import { procedure, router } from './trpc.ts'

/** Course runs (rpc §3). */
export const courseRouter = router({
  get: procedure
    .input(z.strictObject({ courseId, includeExpired: z.boolean().default(false) }))
    .query(({ ctx, input }) =>
      getCourse(ctx.db, input.courseId, {
        includeExpired: input.includeExpired,
        policy: ctx.policy,
        now: ctx.stamp.now,
      }),
    ),

  getMany: procedure
    .input(z.strictObject({ courseIds: z.array(courseId).min(1).max(1000) }))
    .query(({ ctx, input }) => readCourseOffers(ctx.db, input.courseIds, { policy: ctx.policy, now: ctx.stamp.now })),
})
