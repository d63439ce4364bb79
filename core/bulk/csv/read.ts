import { restore } from './cell.ts'
import { columnsOf, delimiterOf, type Columns } from './columns.ts'
import { decodeText } from './decode.ts'
import { itemReader, type CsvAction, type CsvItem, type LineError } from './item.ts'
import { splitRecords, type RawRecord } from './records.ts'
import { CsvRefusal } from './refusal.ts'

/** A record of a file. */
export type CsvRecord = {
  /** The physical line where it begins; the header is 1. */
  readonly line: number
  readonly ref?: string
  /** Its cells as they are written, one for each column of the header. */
  readonly original: string[]
} & ({ readonly item: CsvItem } | { readonly error: LineError })

/** A file that is being read. */
export interface CsvFile {
  /** Names of the columns as they are written, without those that a result file adds; `user` for a list without a header. */
  readonly header: string[]
  readonly warnings: string[]
  /** @throws {CsvRefusal} where the file turns out to be none. */
  readonly pages: AsyncIterable<CsvRecord[]>
}

/**
 * Reads a CSV file as it arrives (bulk.md §2), in bounded memory: at most 1 000 records a page.
 *
 * @param source pieces of any size, cut anywhere.
 * @param options `course`: the course run of lines that name none; a list of learners without a header needs one.
 * @throws {CsvRefusal} for what is no such file, before anything is done.
 */
export async function readCsv(
  source: AsyncIterable<Uint8Array | string>,
  options: { readonly action: CsvAction; readonly course?: string | undefined },
): Promise<CsvFile> {
  const pages = splitRecords(decodeText(source), delimiterOf)
  const first = await pages.next()
  const [head] = first.value ?? []
  if (first.done === true || head === undefined) throw new CsvRefusal('The file is empty.')
  if (head.fault !== undefined) throw new CsvRefusal(head.fault, head.line)
  const columns = columnsOf(head.cells.map(restore), options.course)
  const recordOf = recordReader(columns, options)
  const rest = async function* () {
    const begun = columns.isHeader ? first.value.slice(1) : first.value
    if (begun.length > 0) yield begun.map(recordOf)
    for await (const page of pages) yield page.map(recordOf)
  }
  return { header: columns.header, warnings: columns.warnings, pages: rest() }
}

function recordReader({ columns }: Columns, options: Parameters<typeof itemReader>[1]): (raw: RawRecord) => CsvRecord {
  const readItem = itemReader(columns, options)
  const refAt = columns.findIndex(({ kind }) => kind === 'ref')
  const kept = columns.flatMap(({ kind }, index) => (kind === 'result' ? [] : [index]))
  const keepsAll = kept.length === columns.length

  return ({ line, cells: raw, fault }) => {
    const cells = raw.map(restore)
    const isWhole = cells.length === columns.length
    const original = isWhole && keepsAll ? cells : kept.map((index) => cells[index] ?? '')
    // What is too much stays to be seen, and to be corrected.
    if (cells.length > columns.length) original.push(...cells.slice(columns.length))
    const ref = refAt === -1 ? undefined : cells[refAt]?.trim()
    const record = ref === undefined || ref === '' ? { line, original } : { line, ref, original }
    if (fault !== undefined) return { ...record, error: invalid(fault) }
    if (!isWhole) return { ...record, error: invalid(cellsText(cells.length, columns.length)) }
    const item = readItem(cells)
    return typeof item === 'string' ? { ...record, error: invalid(item) } : { ...record, item }
  }
}

function invalid(message: string): LineError {
  return { code: 'invalidLine', message }
}

function cellsText(count: number, expected: number): string {
  return `The line has ${count} ${count === 1 ? 'cell' : 'cells'}, the header ${expected}.`
}
