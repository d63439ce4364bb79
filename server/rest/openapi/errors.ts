import { z } from 'zod'
import { courseDetails } from './course.ts'

// The bodies of refusals (rest-v1 §2.3, §3). Each has its own keys, so that an answer is one of them and no other.

export const detail = z.strictObject({ detail: z.string() })

export const message = z.strictObject({ message: z.string() })

export const developerMessage = z.strictObject({ developer_message: z.string() })

export const localizedMessage = z.strictObject({ message: z.string(), localizedMessage: z.string() })

export const wrongToken = z.strictObject({
  error_code: z.enum([
    'token_not_provided',
    'token_malformed',
    'token_error',
    'token_nonexistent',
    'token_expired',
    'user_not_active',
    'user_is_disabled',
  ]),
  developer_message: z.string(),
})

export const modeUnavailable = z.strictObject({ message: z.string(), course_details: courseDetails })

export const embargoed = z.strictObject({ message: z.string(), user_message_url: z.url() })

const fault = developerMessage.optional()

export const pageFaults = z.strictObject({
  field_errors: z.strictObject({
    course_id: fault,
    course_ids: fault,
    username: fault,
    email: fault,
  }),
})

/** What OPTIONS tells about a route. */
export const routeDescription = z.strictObject({
  name: z.string(),
  description: z.string(),
  renders: z.array(z.string()),
  parses: z.array(z.string()),
})
