import { CsvRefusal } from './refusal.ts'
import type { Delimiter } from './records.ts'

/** What a column holds. `user` is a username or an e-mail address, as upstream files have it. */
export type Column =
  | { readonly kind: Field }
  | { readonly kind: 'attribute'; readonly namespace: string; readonly name: string }
  | { readonly kind: 'result' | 'unknown' }

const LEARNER = ['username', 'email', 'user_id', 'user'] as const
const FIELDS = [...LEARNER, 'course_id', 'mode', 'is_active', 'cohort', 'enterprise_uuid', 'reason', 'ref'] as const
type Field = (typeof FIELDS)[number]

/** Columns that a result file adds: they are not read, so that a corrected one can be sent again. */
export const RESULT_COLUMNS = ['outcome', 'code', 'message'] as const

/** The columns of a file. */
export interface Columns {
  readonly columns: readonly Column[]
  /** Whether the first record names them; otherwise it is the first of a list of learners. */
  readonly isHeader: boolean
  /** Names of the columns, as written, without those of results. */
  readonly header: string[]
  readonly warnings: string[]
}

/**
 * What the columns of a file hold, by its first record (bulk.md §2).
 *
 * @param first its cells.
 * @param course the course run of lines that name none.
 * @throws {CsvRefusal} for a missing or repeated column, with what was found.
 */
export function columnsOf(first: readonly string[], course: string | undefined): Columns {
  const columns = first.map(columnOf)
  if (!columns.some(isLearner)) {
    if (course !== undefined && first.length === 1 && columns[0]?.kind === 'unknown') return LIST
    throw new CsvRefusal(`No column names the learner: username, email or user_id. ${found(first)}${HINT_LIST}`)
  }
  if (course === undefined && !columns.some(({ kind }) => kind === 'course_id')) {
    throw new CsvRefusal(
      `The column course_id is missing, and no course run is given for the whole file. ${found(first)}`,
    )
  }
  refuseRepeated(columns, first)
  const header = first.filter((_, index) => columns[index]?.kind !== 'result')
  return { columns, isHeader: true, header, warnings: warningsOf(columns, first) }
}

/** A list of usernames or e-mail addresses, one a line. */
const LIST: Columns = { columns: [{ kind: 'user' }], isHeader: false, header: ['user'], warnings: [] }

const HINT_LIST = ' A list of usernames or addresses without a header needs the course run beside it (--course).'

/** The delimiter with which the most columns have a name that is known. */
export function delimiterOf(firstLine: string): Delimiter {
  const delimiters: Delimiter[] = [',', ';', '\t']
  const scores = delimiters.map((delimiter) => {
    const cells = firstLine.split(delimiter).map((cell) => cell.trim().replace(/^"(.*)"$/s, '$1'))
    return { delimiter, known: cells.filter((cell) => columnOf(cell).kind !== 'unknown').length, count: cells.length }
  })
  const [best] = scores.toSorted((a, b) => b.known - a.known || b.count - a.count)
  return best?.delimiter ?? ','
}

function columnOf(cell: string): Column {
  const name = cell.trim()
  const attribute = /^attribute\s*:([^:]*):(.*)$/is.exec(name)
  if (attribute !== null) return attributeColumn(attribute[1] ?? '', attribute[2] ?? '')
  const plain = plainName(name)
  const field = FIELDS.find((known) => known === plain)
  if (field !== undefined) return { kind: field }
  return { kind: RESULT_COLUMNS.some((known) => known === plain) ? 'result' : 'unknown' }
}

/** The name of a column as it is compared: in any case, with spaces or underscores. */
export function plainName(name: string): string {
  return name
    .trim()
    .toLowerCase()
    .replaceAll(/[\s_]+/g, '_')
}

function attributeColumn(namespace: string, name: string): Column {
  if (namespace.trim() === '' || name.trim() === '') return { kind: 'unknown' }
  return { kind: 'attribute', namespace: namespace.trim(), name: name.trim() }
}

function isLearner({ kind }: Column): boolean {
  return LEARNER.some((name) => name === kind)
}

function refuseRepeated(columns: readonly Column[], first: readonly string[]): void {
  const keys = columns.map((column) => (column.kind === 'attribute' ? JSON.stringify(column) : column.kind))
  const at = keys.findIndex((key, index) => key !== 'unknown' && key !== 'result' && keys.indexOf(key) < index)
  if (at !== -1) throw new CsvRefusal(`The column ${quoted(first[at])} is there more than once. ${found(first)}`)
}

function warningsOf(columns: readonly Column[], first: readonly string[]): string[] {
  const unknown = first.filter((name, index) => columns[index]?.kind === 'unknown' && name.trim() !== '')
  const learner = columns.flatMap(({ kind }) => LEARNER.filter((name) => name === kind))
  const order = LEARNER.filter((name) => learner.includes(name))
  return [
    ...(unknown.length > 0 ? [`Columns that are not known and were left out: ${listed(unknown)}.`] : []),
    ...(order.length > 1
      ? [`Learners are named in several columns: of those that are filled the first of ${order.join(', ')} counts.`]
      : []),
  ]
}

function found(first: readonly string[]): string {
  return `Found: ${listed(first)}.`
}

/** A header may be of any length. */
function listed(names: readonly string[]): string {
  const left = names.length - MAX_LISTED
  return names.slice(0, MAX_LISTED).map(quoted).join(', ') + (left > 0 ? ` and ${left} more` : '')
}

const MAX_LISTED = 20

function quoted(name = ''): string {
  return `“${name.length > 60 ? `${name.slice(0, 60).toWellFormed()}…` : name}”`
}
