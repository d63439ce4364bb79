import { z } from 'zod'

const role = z.strictObject({
  org: z.string(),
  course_id: z.string().meta({ description: 'The text `None` for a role in the whole organisation.' }),
  role: z.string().meta({ examples: ['staff'] }),
})

export const roles = z.strictObject({ roles: z.array(role), is_staff: z.boolean() })
