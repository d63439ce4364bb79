import { z } from 'zod'

/** What counts as a text. */
export const textOrNumber = z.union([z.string(), z.number()])
/** What counts as a truth value. */
export const flag = z.union([z.boolean(), z.literal([0, 1]), z.string().max(5)])
const commaList = z.union([z.string(), z.array(z.unknown())])

export const bulkEnrollRequest = z
  .looseObject({
    identifiers: textOrNumber.meta({
      description: 'E-mail addresses and usernames, between commas, spaces or line breaks.',
    }),
    courses: commaList.meta({ description: 'Course ids between commas. Of a list only the first element counts.' }),
    action: z.enum(['enroll', 'unenroll']),
    cohorts: commaList.optional().meta({ description: 'One for each course, in the same order.' }),
    auto_enroll: flag.optional(),
    email_students: flag.optional().meta({ description: 'Repeated in the answer; nobody is written to.' }),
    reason: textOrNumber.nullish(),
  })
  .meta({
    examples: [{ identifiers: 'bob, alice@example.com', courses: 'course-v1:edX+DemoX+2014', action: 'enroll' }],
  })

const state = z.strictObject({
  user: z.boolean().meta({ description: 'Whether there is an account.' }),
  enrollment: z.boolean(),
  allowed: z.boolean(),
  auto_enroll: z.boolean(),
  cohort: z.string().nullable().optional(),
})

const result = z.union([
  z.strictObject({ identifier: z.string(), before: state, after: state }),
  z.strictObject({ identifier: z.string(), invalidIdentifier: z.literal(true) }),
  z.strictObject({ identifier: z.string(), error: z.literal(true) }),
])

const action = z.enum(['enroll', 'unenroll'])

export const bulkEnrollment = z.strictObject({
  auto_enroll: z.boolean(),
  email_students: z.boolean(),
  action,
  courses: z.record(z.string(), z.strictObject({ action, auto_enroll: z.boolean(), results: z.array(result) })),
})

const faults = z.array(z.string()).length(1).optional()

export const bulkEnrollFaults = z
  .strictObject({
    identifiers: faults,
    courses: faults,
    cohorts: faults,
    action: faults,
    auto_enroll: faults,
    email_students: faults,
    reason: faults,
    non_field_errors: faults,
  })
  .meta({ description: 'What is wrong with each field.' })
