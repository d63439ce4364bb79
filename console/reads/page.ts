import { z } from 'zod'
import { storableText } from '../../core/text.ts'

/** What is typed into a field of search; empty: everything. */
export const searchText = storableText(255).trim().optional()

export const limit = z.number().int().min(1).max(1000).default(100)

/** A page of a list, and where the next one begins; null: there is none. */
export interface Page<T> {
  items: T[]
  nextCursor: string | null
}

export function pageOf<T>(item: z.ZodType<T>): z.ZodType<Page<T>> {
  return z.strictObject({ items: z.array(item), nextCursor: z.string().nullable() })
}

/**
 * Cuts a page out of the rows of a query that asked for one more.
 *
 * @param cursorOf the place of a row in the order of the list.
 */
export function cutPage<T>(rows: readonly T[], size: number, cursorOf: (row: T) => string): Page<T> {
  const items = rows.slice(0, size)
  const last = items.at(-1)
  return { items, nextCursor: rows.length > size && last !== undefined ? cursorOf(last) : null }
}

/** The pattern of `like` for texts that contain this one. */
export function containing(text: string): string {
  return `%${text.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`
}

/** The same for texts that begin with it. */
export function beginningWith(text: string): string {
  return containing(text).slice(1)
}
