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
