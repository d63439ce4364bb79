import { basename } from 'node:path'
import { readFiles, type TextFile } from './files.ts'
import { cellsOf, proseLines } from './markdown.ts'

/** What references to a contract may lead to. */
export interface Contract {
  /** Sections (`3.2`, `C.4`), items of their lists (`6.17`) and rows with a name of their own (`D12`, `E9`, `R3`). */
  readonly places: ReadonlySet<string>
  /** Rows of tables, items of lists and numbered examples of a section, by its number. */
  readonly rows: ReadonlyMap<string, ReadonlySet<string>>
}

/** The contracts by name: `rest-v1` is docs/contract/rest-v1.md. */
export function readContracts(): Map<string, Contract> {
  return new Map(readFiles('docs/contract/*.md').map((file) => [basename(file.path, '.md'), contractOf(file)]))
}

/** The places of one contract. */
export function contractOf({ text }: Pick<TextFile, 'text'>): Contract {
  const places = new Set<string>()
  const rows = new Map<string, Set<string>>()
  let section = ''
  let ordinal = 0
  for (const line of proseLines(text)) {
    const number = /^#{2,4} +(?:([A-Z]|\d+|[A-Z]\.\d+|\d+\.\d+)\.? |\(([a-z])\) )/.exec(line)
    if (number !== null) {
      section = number[1] ?? `${section.replace(/\(.\)$/, '')}(${number[2]})`
      ordinal = 0
      places.add(section)
      continue
    }
    const inSection = rows.get(section) ?? new Set()
    rows.set(section, inSection)
    const item = /^(\d+[a-z]?)\. /.exec(line)?.[1]
    if (item !== undefined) {
      inSection.add(item)
      places.add(`${section}.${item}`)
    }
    const cell = cellsOf(line)?.[0]?.replaceAll('*', '')
    if (cell === undefined) ordinal = 0
    if (cell === undefined || /^-+$/.test(cell)) continue
    if (/^[A-Z]\d+$/.test(cell)) places.add(cell)
    if (/^[a-z]?\d+[a-z]?$/.test(cell)) inSection.add(cell)
    // A table without numbers is counted.
    else if (ordinal > 0) inSection.add(String(ordinal))
    ordinal += 1
  }
  return { places, rows }
}

/** Whether a section, or one below it, has a row; `15` also stands for `15a` to `15h`. */
export function hasRow({ rows }: Contract, section: string, row: string): boolean {
  const ofSection = [...rows].filter(([name]) => name === section || name.startsWith(`${section}.`))
  return ofSection.some(([, names]) => names.has(row) || names.has(`${row}a`))
}
