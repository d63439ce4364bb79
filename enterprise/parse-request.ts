import type { z } from 'zod'
import { EnterpriseError } from './errors.ts'

/**
 * A request as its schema leaves it.
 *
 * @throws {EnterpriseError} `invalidRequest`
 */
export function parseRequest<S extends z.ZodType>(schema: S, request: z.input<S>): z.output<S> {
  const parsed = schema.safeParse(request)
  if (!parsed.success) throw new EnterpriseError('invalidRequest', { issues: parsed.error.issues })
  return parsed.data
}
