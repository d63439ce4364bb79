import { z } from 'zod'
import { courseDetails, courseId, instant } from './course.ts'

export const enrollment = z
  .strictObject({
    created: instant,
    mode: z.string(),
    is_active: z.boolean(),
    course_details: courseDetails.nullable().meta({ description: 'Null when the course run no longer exists.' }),
    user: z.string().meta({ description: 'The username.' }),
  })
  .meta({ description: 'That a learner is, or was, in a course run.' })

export const enrollmentList = z.array(enrollment)

const enrollmentRow = z.strictObject({
  created: instant,
  mode: z.string(),
  is_active: z.boolean(),
  user: z.string(),
  course_id: courseId,
})

export const enrollmentPage = z
  .strictObject({
    next: z.url().nullable(),
    previous: z.url().nullable(),
    results: z.array(enrollmentRow).max(100),
  })
  .meta({ description: 'At most 100 enrollments, the newest first.' })

const absent = z.union([z.null(), z.literal(''), z.literal(false), z.literal(0), z.array(z.never()).max(0)])
const attributePart = z.union([z.string().max(255), z.number(), z.boolean(), z.null()])

export const enrollmentRequest = z
  .looseObject({
    course_details: z.looseObject({
      course_id: z
        .string()
        .min(1)
        .meta({ examples: ['course-v1:edX+DemoX+2014'] }),
    }),
    user: z
      .union([z.string(), absent])
      .optional()
      .meta({ description: 'Whom to enroll; the caller unless given. What counts as false counts as absent.' }),
    email: z.unknown().optional().meta({ description: 'A text: whom to enroll. Read only where there is no `user`.' }),
    mode: z.string().nullish().meta({ description: 'The default mode of the course run unless given.' }),
    is_active: z.boolean().nullish(),
    enrollment_attributes: z
      .array(z.looseObject({ namespace: attributePart, name: attributePart, value: attributePart.optional() }))
      .nullish()
      .meta({ description: 'They replace all attributes of the enrollment.' }),
    force_enrollment: z.boolean().nullish().meta({ description: 'Has an effect for global staff only.' }),
    cohort: z.unknown().optional().meta({ description: 'A text. Read only when the enrollment changes.' }),
    email_opt_in: z.unknown().optional().meta({ description: 'Kept as text, for the caller and the organisation.' }),
    enterprise_uuid: z.unknown().optional().meta({ description: 'Goes into the events of a new enrollment.' }),
  })
  .meta({
    description: 'Fields that are not named here are ignored.',
    examples: [{ course_details: { course_id: 'course-v1:edX+DemoX+2014' }, user: 'bob', mode: 'audit' }],
  })
