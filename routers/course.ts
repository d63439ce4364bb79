import { z } from 'zod'
import { readCourseOffers } from '../core/course/offers.ts'
import { getCourse } from '../core/course/read.ts'
import { boundedArray } from './bounded-input.ts'
import { courseId } from './inputs.ts'
import { query } from './operation.ts'
import { course, courseOffer } from './outputs.ts'

/** Course runs (rpc §3). */
export const courseOperations = {
  get: query({
    input: z.strictObject({ courseId, includeExpired: z.boolean().default(false) }),
    output: course,
    handler: ({ db, policy, metadata: { now } }, input) =>
      getCourse(db, input.courseId, { includeExpired: input.includeExpired, policy, now }),
  }),

  getMany: query({
    input: z.strictObject({ courseIds: boundedArray(courseId, { min: 1, max: 1000 }) }),
    output: z.array(courseOffer.nullable()),
    handler: ({ db, policy, metadata: { now } }, { courseIds }) => readCourseOffers(db, courseIds, { policy, now }),
  }),
}
