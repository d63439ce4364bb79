import { CsvRefusal } from './refusal.ts'

/** A record of a file: its cells, and the physical line where it begins (bulk.md §2). */
export interface RawRecord {
  readonly line: number
  readonly cells: string[]
  /** Why it cannot be read although its cells can be told apart. */
  readonly fault?: string
}

/** What separates cells. */
export type Delimiter = ',' | ';' | '\t'

/** In characters: a quote that is not closed cannot fill the memory. */
export const LONGEST_RECORD = 1_048_576

const NEWLINE = 10

/**
 * Splits text into records by RFC 4180, as it arrives; blank lines are left out. A quote within a cell that does not begin with one
 * stands for itself. Its own, because a record has to know the physical line where it begins; csv-parse is the oracle of its tests.
 *
 * @param text pieces of any size, cut anywhere.
 * @param delimiterOf is asked once, with the first line that is not blank.
 * @throws {CsvRefusal} for a record without end, with the line where it begins.
 */
export async function* splitRecords(
  text: AsyncIterable<string>,
  delimiterOf: (firstLine: string) => Delimiter,
): AsyncGenerator<RawRecord[]> {
  let rest = ''
  let line = 1
  let format: Format | undefined

  const take = function* (atEnd: boolean): Generator<RawRecord[]> {
    format ??= formatOf(rest, atEnd, delimiterOf)
    if (format === undefined) {
      refuseLong(rest.length, line)
      return
    }
    if (format.endsWithReturn) rest = rest.replaceAll('\r', '\n')
    const reader = recordReader(rest, format.delimiter, atEnd)
    let page: RawRecord[] = []
    let characters = 0
    for (let begin = 0; begin < rest.length; begin = reader.end) {
      const record = reader.next(begin)
      if (record === null) {
        refuseLong(rest.length - begin, line)
        rest = rest.slice(begin)
        if (page.length > 0) yield page
        return
      }
      if (record === 'unclosed') throw new CsvRefusal('A quote of the record that begins here is not closed.', line)
      refuseLong(reader.end - begin, line)
      const { cells, breaks, fault } = record
      if (cells.some((cell) => cell.trim() !== ''))
        page.push(fault === undefined ? { line, cells } : { line, cells, fault })
      line += breaks + 1
      characters += reader.end - begin
      if (page.length < PAGE && characters < PAGE_CHARACTERS) continue
      if (page.length > 0) yield page
      page = []
      characters = 0
    }
    rest = ''
    if (page.length > 0) yield page
  }

  for await (const piece of text) {
    rest += piece
    if (rest.length >= LEAST_PIECE) yield* take(false)
  }
  yield* take(true)
}

const PAGE = 1000
/** A page is full with fewer records where these are long: each may have {@link LONGEST_RECORD}. */
const PAGE_CHARACTERS = 2 ** 20
/** Less is not worth a look: a file may come byte by byte. */
const LEAST_PIECE = 65_536

function refuseLong(length: number, line: number): void {
  if (length <= LONGEST_RECORD) return
  throw new CsvRefusal('The record that begins here is longer than 1 MiB. Is a quote not closed?', line)
}

interface Format {
  readonly delimiter: Delimiter
  /** Lines end with CR alone, as old spreadsheets on a Mac write them. */
  readonly endsWithReturn: boolean
}

/** Undefined until the first line is there. */
function formatOf(text: string, atEnd: boolean, delimiterOf: (firstLine: string) => Delimiter): Format | undefined {
  const visible = text.search(/\S/)
  if (visible === -1) return atEnd ? { delimiter: ',', endsWithReturn: false } : undefined
  const begin = Math.max(text.lastIndexOf('\n', visible), text.lastIndexOf('\r', visible)) + 1
  let isQuoted = false
  for (let at = begin; at < text.length; at += 1) {
    const character = text[at]
    if (character === '"') isQuoted = !isQuoted
    if (isQuoted || (character !== '\n' && character !== '\r')) continue
    if (character === '\r' && at + 1 === text.length && !atEnd) return undefined
    const endsWithReturn = character === '\r' && text[at + 1] !== '\n' && at + 1 < text.length
    return { delimiter: delimiterOf(text.slice(begin, at)), endsWithReturn }
  }
  return atEnd ? { delimiter: delimiterOf(text.slice(begin)), endsWithReturn: false } : undefined
}

interface Cells {
  readonly cells: string[]
  /** Line ends within its cells. */
  readonly breaks: number
  readonly fault?: string | undefined
}

/** Reads one record after another; null: its end is not there yet. */
function recordReader(text: string, delimiter: Delimiter, atEnd: boolean) {
  let quote = -2
  const reader = { end: 0, next }
  return reader

  function next(begin: number): Cells | 'unclosed' | null {
    let newline = text.indexOf('\n', begin)
    if (newline === -1) {
      if (!atEnd) return null
      newline = text.length
    }
    if (quote !== -1 && quote < begin) quote = text.indexOf('"', begin)
    if (quote !== -1 && quote < newline) return quotedRecord(begin)
    reader.end = newline + 1
    return { cells: text.slice(begin, withoutReturn(begin, newline)).split(delimiter), breaks: 0 }
  }

  function quotedRecord(begin: number): Cells | 'unclosed' | null {
    const cells: string[] = []
    let breaks = 0
    let fault: string | undefined
    for (let at = begin; ; at += 1) {
      let value = ''
      const isQuoted = text[at] === '"'
      if (isQuoted) {
        const close = closingQuote(at + 1)
        if (close === -1) return atEnd ? 'unclosed' : null
        value = text.slice(at + 1, close).replaceAll('""', '"')
        breaks += value.split('\n').length - 1
        at = close + 1
      }
      const end = cellEnd(at)
      if (end === text.length && !atEnd) return null
      const isLast = end === text.length || text.charCodeAt(end) === NEWLINE
      const after = text.slice(at, isLast ? withoutReturn(at, end) : end)
      if (isQuoted && after.trim() !== '') fault = AFTER_QUOTE
      cells.push(value + after)
      at = end
      if (!isLast) continue
      reader.end = end + 1
      return { cells, breaks, fault }
    }
  }

  function closingQuote(from: number): number {
    let at = text.indexOf('"', from)
    while (at !== -1 && text[at + 1] === '"') at = text.indexOf('"', at + 2)
    return at
  }

  function cellEnd(from: number): number {
    const stop = delimiter.charCodeAt(0)
    let at = from
    while (at < text.length && text.charCodeAt(at) !== stop && text.charCodeAt(at) !== NEWLINE) at += 1
    return at
  }

  function withoutReturn(begin: number, end: number): number {
    return end > begin && text[end - 1] === '\r' ? end - 1 : end
  }
}

const AFTER_QUOTE = 'There is text behind a closing quote. A quote within a cell is written twice.'
