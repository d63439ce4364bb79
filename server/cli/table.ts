import { styleText } from 'node:util'
import { printable } from '../../core/import-export/printable.ts'
import { GAP, MIN_TEXT, partsOf, type RowPart } from './row-parts.ts'
import type { Output } from './streams.ts'

/** A column of a table. */
export interface Column<T> {
  readonly head: string
  readonly of: (row: T) => string
  /** Whether its cells stand at the right, as numbers do. */
  readonly isRight?: boolean
}

/**
 * Rows as a person reads them: columns below each other, their names above them on a terminal; where that is too narrow each row
 * has several lines, and each column its place on one of them. In a pipe there are rows only.
 */
export function tableOf<T>(output: Output, rows: readonly T[], columns: readonly Column<T>[]): string {
  if (output.isTTY !== true) return rowsOf(output, rows, columns)
  const heads = columns.map(({ head }) => head)
  const [names = '', ...texts] = aligned(output, [heads, ...cellsOf(rows, columns)], columns)
  return `${paint(output, 'bold', names.trimEnd())}\n${texts.join('')}`
}

/** The same without the names of the columns, for rows that come one by one. */
export function rowsOf<T>(output: Output, rows: readonly T[], columns: readonly Column<T>[]): string {
  return aligned(output, cellsOf(rows, columns), columns).join('')
}

function cellsOf<T>(rows: readonly T[], columns: readonly Column<T>[]): string[][] {
  return rows.map((row) => columns.map((column) => printable(column.of(row))))
}

function aligned<T>(output: Output, lines: readonly string[][], columns: readonly Column<T>[]): string[] {
  const widths = columns.map((_, at) => Math.max(0, ...lines.map((line) => lengthOf(line[at] ?? ''))))
  const padded = (cell: string, at: number) => {
    const blanks = ' '.repeat((widths[at] ?? 0) - lengthOf(cell))
    return columns[at]?.isRight === true ? blanks + cell : cell + blanks
  }
  const parts = partsOf(widths, widthOf(output))
  const rowText = (line: readonly string[]) => {
    const texts = line.map(padded)
    return parts.map((part) => partText(output, texts.slice(part.from, part.to), part)).join('')
  }
  return lines.map(rowText)
}

function partText(output: Output, texts: readonly string[], { indent, from }: RowPart): string {
  const lead = ' '.repeat(indent)
  const whole = `${lead}${texts.join(' '.repeat(GAP))}`.trimEnd()
  if (whole === '' && from > 0) return ''
  if (lengthOf(whole) <= widthOf(output)) return `${whole}\n`
  const before = texts.slice(0, -1).map((text) => `${text}${' '.repeat(GAP)}`)
  return hanging(output, `${lead}${before.join('')}`, (texts.at(-1) ?? '').trimEnd())
}

/** Of a terminal that says how wide it is. */
function widthOf({ isTTY, columns }: Output): number {
  return isTTY === true && columns !== undefined && columns > 0 ? columns : Infinity
}

/** A text in colour, where the output is a terminal that wants colours (`NO_COLOR`). */
export function paint(output: Output, style: 'bold' | 'dim' | 'red' | 'green' | 'yellow', text: string): string {
  return output.isTTY === true ? styleText(style, text, { stream: output }) : text
}

/** A line that is not longer than a terminal is wide. */
export function cut(line: string, columns: number | undefined): string {
  if (columns === undefined || columns === 0 || lengthOf(line) <= columns) return line
  return `${[...line].slice(0, columns - 1).join('')}…`
}

/** A text after a lead; on a terminal it is wrapped, and goes on below itself. */
export function hanging(output: Output, lead: string, text: string): string {
  const width = (output.isTTY === true ? (output.columns ?? 0) : 0) - lengthOf(lead)
  if (width < MIN_TEXT) return `${lead}${text}\n`
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const line = lines.at(-1)
    if (line === undefined || lengthOf(line) + 1 + lengthOf(word) > width) lines.push(word)
    else lines[lines.length - 1] = `${line} ${word}`
  }
  return `${lead}${lines.join(`\n${' '.repeat(lengthOf(lead))}`)}\n`
}

/** A sentence; on a terminal it is wrapped. */
export function sentence(output: Output, text: string): string {
  return hanging(output, '', text)
}

/** A whole number with commas between thousands. */
export function number(value: number): string {
  return Math.round(value).toLocaleString('en')
}

function lengthOf(text: string): number {
  return [...text].length
}
