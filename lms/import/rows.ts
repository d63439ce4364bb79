import { hash } from 'node:crypto'
import { identifier } from '../source/identifier.ts'
import type { LmsRow, LmsSource, PageOptions } from '../source/source.ts'
import type { ImportContext } from './context.ts'
import type { Converted, Subject } from './subject.ts'
import type { WantedLine } from './write-window.ts'

/** Rows that are in memory at a time. */
const PAGE_SIZE = 4_000

/** The rows that a subject is about, whole. */
export async function* rowsOf(
  source: LmsSource,
  subject: Subject,
  { ranges }: Pick<ImportContext, 'ranges'>,
): AsyncGenerator<readonly LmsRow[]> {
  const { key, columns, joins, readMore } = subject
  for (const where of conditionsOf(subject, ranges)) {
    const options: PageOptions = { key, columns: [...new Set([key, ...columns])], joins, where, size: PAGE_SIZE }
    for await (const rows of source.pages<LmsRow>(subject.table, options)) {
      yield readMore === undefined ? rows : await readMore(source, rows)
    }
  }
}

/** The conditions of a subject, one for each range of keys. */
export function conditionsOf({ key, where }: Subject, ranges: ImportContext['ranges']): (string | undefined)[] {
  if (ranges === undefined) return [where]
  return ranges.map(([from, to]) => {
    const range = `t.${identifier(key)} between ${Math.floor(from)} and ${Math.floor(to)}`
    return where === undefined ? range : `(${where}) and ${range}`
  })
}

/** The lines of a row that was converted, with their keys. */
export function linesOf({ rowKey, lines }: Converted & { readonly rowKey: string }): WantedLine[] {
  return lines.map(({ line, part }) => ({
    rowKey,
    primaryKey: part === undefined ? rowKey : `${rowKey} ${part}`,
    line,
    digest: hash('sha256', JSON.stringify(line), 'buffer'),
  }))
}
