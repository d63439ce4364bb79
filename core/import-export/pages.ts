import type { AnyLine, LineInput, LineType } from './lines.ts'

/** Rows that are read at a time. */
export const PAGE_SIZE = 2_000

/** A line as an export writes it: nothing is left out, so that it says the same whatever the defaults are. */
export type FullLine = { [T in LineType]: Required<Omit<LineInput<T>, Exception<T>>> & LineInput<T> }[LineType]

/** Said only where it is so: most files are for a platform, or of one that was never anywhere else. */
type Exception<T extends LineType> = T extends keyof Exceptions ? Exceptions[T] : never

interface Exceptions {
  user: 'idDrawnHere' | 'created' | 'isDisabled'
  course: 'owner'
  allowance: 'created'
  enrollment: 'id' | 'history'
  manualEnrollment: 'number'
  retirement: 'originalUsername' | 'originalEmail'
}

/**
 * Writes the rows of a table as lines, a page at a time.
 *
 * @param read reads up to {@link PAGE_SIZE} rows after the given one, or the first ones, in a fixed order.
 */
export function pagesOf<Row>(
  read: (after: Row | null) => Promise<Row[]>,
  lineOf: (row: Row) => FullLine,
): AsyncGenerator<string> {
  return pagesOfLines(read, lineOf)
}

/** The same for lines of whatever type. */
export async function* pagesOfLines<Row>(
  read: (after: Row | null) => Promise<Row[]>,
  lineOf: (row: Row) => AnyLine,
): AsyncGenerator<string> {
  let last: Row | null = null
  for (;;) {
    const rows: Row[] = await read(last)
    if (rows.length > 0) yield rows.map((row) => `${JSON.stringify(lineOf(row))}\n`).join('')
    last = rows.at(-1) ?? null
    if (last === null || rows.length < PAGE_SIZE) return
  }
}
