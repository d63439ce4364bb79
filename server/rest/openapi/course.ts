import { z } from 'zod'

/** An instant as the API writes it: UTC, with six digits of a fraction or none (rest-v1 §3.0). */
export const instant = z
  .string()
  .regex(/^\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z$/)
  .meta({ format: 'date-time', examples: ['2018-01-01T00:00:01Z'] })

export const courseId = z.string().meta({ examples: ['course-v1:edX+DemoX+2014'] })

export const mode = z
  .strictObject({
    slug: z.string().meta({ examples: ['audit'] }),
    name: z.string(),
    min_price: z.int().meta({ examples: [0] }),
    suggested_prices: z.string().meta({ description: 'Numbers between commas; empty where there are none.' }),
    currency: z.string().meta({ examples: ['usd'] }),
    expiration_datetime: instant.nullable(),
    description: z.string().nullable(),
    sku: z.string().nullable(),
    bulk_sku: z.string().nullable(),
  })
  .meta({ description: 'A way to take a course run, with its price.' })

export const courseDetails = z
  .strictObject({
    course_id: courseId,
    course_name: z.string(),
    enrollment_start: instant.nullable(),
    enrollment_end: instant.nullable(),
    course_start: instant.nullable(),
    course_end: instant.nullable(),
    invite_only: z.boolean(),
    course_modes: z.array(mode).min(1).meta({ description: 'In no particular order.' }),
    pacing_type: z.enum(['Self Paced', 'Instructor Paced']),
  })
  .meta({ description: 'What a course run offers.' })
