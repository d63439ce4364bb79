import { z } from 'zod'

export const unenrollRequest = z
  .looseObject({ username: z.string().meta({ description: 'The learner who wants to be forgotten.' }) })
  .meta({ examples: [{ username: 'bob' }] })

export const organisations = z
  .array(z.string())
  .meta({ description: 'The organisations of all enrollments of the learner, in no particular order.' })

/** Some answers of `unenroll/` are a JSON text and nothing else. */
export const plainWords = z.string()
