import { z } from 'zod'
import { instant } from './course.ts'

export const allowance = z
  .strictObject({
    email: z.string(),
    course_id: z.string(),
    auto_enroll: z.boolean(),
    created: instant,
    user: z.int().nullable().meta({ description: 'The account that used it first; it never changes after that.' }),
  })
  .meta({ description: 'That whoever has the e-mail address may enroll although the course run would not let them.' })

export const allowanceList = z.array(allowance)

const invitation = {
  email: z.string().min(1),
  course_id: z.string().min(1).meta({ description: 'The course run need not exist.' }),
}

const example = { email: 'bob@example.com', course_id: 'course-v1:edX+DemoX+2014' }

export const allowanceRequest = z
  .looseObject({
    ...invitation,
    auto_enroll: z
      .union([z.boolean(), z.literal([0, 1, 't', 'f', 'True', 'False', '1', '0', 'true', 'false'])])
      .nullish(),
  })
  .meta({ examples: [{ ...example, auto_enroll: true }] })

export const allowanceRemoval = z.looseObject(invitation).meta({ examples: [example] })
