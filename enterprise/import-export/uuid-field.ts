import { z } from 'zod'
import { importFormat } from '../../routers/extension.ts'
import { canonicalUuid } from '../uuid.ts'

const { expected, quote } = importFormat

/** A field that is a UUID, in the form of the database. */
export function uuidField() {
  return z.string({ error: expected('a UUID') }).transform((value, context): string => {
    const uuid = canonicalUuid(value)
    if (uuid !== null) return uuid
    context.issues.push({ code: 'custom', message: `${quote(value)} is not a UUID`, input: value })
    return z.NEVER
  })
}
