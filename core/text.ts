import { z } from 'zod'

/** Whether PostgreSQL can store the text: it has neither a NUL character nor half of a surrogate pair. */
export function isStorableText(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0')
}

/** A text field of at most `maxLength` characters that the database can store. */
export function storableText(maxLength: number): z.ZodString {
  return z
    .string()
    .max(maxLength)
    .refine(isStorableText, { error: 'Text must not contain NUL characters or lone surrogates' })
}

/**
 * An instant in ISO 8601 with `Z` or an offset, turned into UTC with milliseconds. Years 0001 to 9999, which is what
 * both sides can hold.
 */
export function instant() {
  return z.iso
    .datetime({ offset: true })
    .transform((text) => new Date(text))
    .refine((date) => date.getTime() >= FIRST_INSTANT && date.getTime() <= LAST_INSTANT, {
      error: 'The year in UTC must be 0001 to 9999',
    })
    .transform((date) => date.toISOString())
}

const FIRST_INSTANT = Date.parse('0001-01-01T00:00:00Z')
const LAST_INSTANT = Date.parse('9999-12-31T23:59:59.999Z')
