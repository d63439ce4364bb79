import { neutralise } from './cell.ts'
import { RESULT_COLUMNS } from './columns.ts'

/** A line of a result file: the cells of its line, and what came of it. */
export interface ResultLine {
  readonly original: readonly string[]
  /** Kind of the outcome; empty where it failed. */
  readonly outcome?: string | undefined
  readonly code?: string | undefined
  readonly message?: string | undefined
}

/**
 * A result file (bulk.md §2): UTF-8 without BOM, commas, LF, the original columns and three more. A file of failed lines can be
 * corrected and sent again, so cells beyond the header are put into the last column, where they are seen.
 *
 * @param header names of the original columns.
 * @returns its text in pieces, one for each page.
 */
export async function* resultCsv(
  header: readonly string[],
  pages: AsyncIterable<readonly ResultLine[]> | Iterable<readonly ResultLine[]>,
): AsyncGenerator<string> {
  yield textOf([...header, ...RESULT_COLUMNS])
  for await (const page of pages) {
    if (page.length === 0) continue
    yield page.map((line) => textOf([...fitted(line.original, header.length), ...resultOf(line)])).join('')
  }
}

function resultOf({ outcome = '', code = '', message = '' }: ResultLine): string[] {
  return [outcome, code, message]
}

function fitted(cells: readonly string[], width: number): string[] {
  if (cells.length <= width) return [...cells, ...Array<string>(width - cells.length).fill('')]
  return [...cells.slice(0, width - 1), cells.slice(width - 1).join(',')]
}

function textOf(cells: readonly string[]): string {
  return `${cells.map(cellText).join(',')}\n`
}

/** Quoted where reading needs it; spaces at its ends would be lost in spreadsheets. */
function cellText(cell: string): string {
  const safe = neutralise(cell)
  return /[",;\t\r\n]|^\s|\s$/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
