import { neutralise } from '../../core/bulk/csv/cell.ts'

/** A row of a CSV file, with what a spreadsheet would run made harmless (bulk §2). */
export function csvLine(cells: readonly Cell[]): string {
  return `${cells.map(csvCell).join(',')}\r\n`
}

type Cell = string | number | boolean | null | undefined

function csvCell(value: Cell): string {
  const text = String(value ?? '')
  const harmless = neutralise(text)
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless
}

/** Hands the browser a file to keep. */
export function saveFile(name: string, parts: readonly BlobPart[]): void {
  const url = URL.createObjectURL(new Blob([...parts], { type: 'text/csv;charset=utf-8' }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}

/** Reads all pages of a list into lines of CSV, telling how many it has. The browser keeps them, on disk where they are many. */
export async function exportPages<T>(
  load: (cursor: string | undefined) => Promise<{ items: readonly T[]; nextCursor: string | null }>,
  lineOf: (row: T) => string,
  onProgress: (count: number) => void,
): Promise<{ pages: Blob[]; count: number }> {
  const pages: Blob[] = []
  let count = 0
  let cursor: string | undefined
  do {
    const page = await load(cursor)
    pages.push(new Blob(page.items.map(lineOf)))
    count += page.items.length
    onProgress(count)
    cursor = page.nextCursor ?? undefined
  } while (cursor !== undefined)
  return { pages, count }
}
