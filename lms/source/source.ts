import type { Connection, RowDataPacket } from 'mysql2/promise'
import { connectionOptions, IN_UTC } from './connection-options.ts'
import { LmsSilent, withinDeadline } from './deadline.ts'
import { LmsSourceError, placeOf } from './failure.ts'
import { identifier } from './identifier.ts'

/** A value as MySQL gives it: instants, decimals and large numbers as text, so that nothing of them is lost. */
export type LmsValue = string | number | Buffer | null
export type LmsRow = Readonly<Record<string, LmsValue>>

/** The database of an LMS, which is only read. */
export interface LmsSource extends AsyncDisposable {
  /** The names of the columns of a table, in lower case; empty: there is no such table. */
  columns(table: string): Promise<ReadonlySet<string>>
  /** The rows of one statement. */
  query<Row extends LmsRow>(statement: string, values?: readonly (LmsValue | readonly LmsValue[])[]): Promise<Row[]>
  /**
   * The rows of a table by its key, a page at a time. Columns that this release of the LMS does not have are null; a table that
   * it does not have is empty.
   */
  pages<Row extends LmsRow>(table: string, options: PageOptions): AsyncGenerator<readonly Row[]>
}

export interface PageOptions {
  /** What rows are ordered by, unique; among the columns. */
  readonly key: string
  readonly columns: readonly string[]
  /** Other tables, of which a row has at most one row each. */
  readonly joins?: readonly SourceJoin[] | undefined
  /** Only rows behind this key. */
  readonly after?: LmsValue
  /** A further condition, in SQL; the table is `t`. */
  readonly where?: string | undefined
  /** Rows of a page. */
  readonly size?: number
}

/** A table that is joined from the left; where a release lacks it, or a column of the condition, its columns are null. */
export interface SourceJoin {
  readonly table: string
  readonly as: string
  /** A column of an earlier table, where `t` is the first one, and one of this: `['t.user_id', 'id']`. */
  readonly on: readonly [string, string]
  /** Names in the row, with the columns that they stand for. */
  readonly columns: Readonly<Record<string, string>>
}

/** So many rows a page has, unless given. */
export const SOURCE_PAGE_SIZE = 10_000

/**
 * Connects to the database of an LMS (lms.md A.0, A.7): UTC, utf8mb4, instants as text.
 *
 * @param url `mysql://user:password@host:3306/edxapp`
 * @param options.snapshot everything is read as it is at one instant; without it each statement sees the present.
 * @param options.timeoutMs milliseconds that a statement may take; then it fails, and with it the connection. Unlimited unless given.
 * @throws {LmsSourceError} when the database cannot be reached; so do the statements. {@link LmsSilent} after `timeoutMs`.
 */
export async function openLmsSource(
  url: string,
  { snapshot = false, timeoutMs }: { readonly snapshot?: boolean; readonly timeoutMs?: number } = {},
): Promise<LmsSource> {
  const place = placeOf(url)
  const connectTimeout = Math.min(timeoutMs ?? CONNECT_MS, CONNECT_MS)
  // Most commands of the command line need no driver.
  const { createConnection } = await import('mysql2/promise')
  const connection = await createConnection({ ...connectionOptions(url), connectTimeout }).catch((error: unknown) => {
    throw new LmsSourceError(place, error)
  })
  // Whoever asks next hears of it.
  connection.on('error', () => {})
  const source = sourceOn(connection, { place, timeoutMs })
  try {
    await source.query(IN_UTC)
    if (snapshot) {
      await source.query('set transaction isolation level repeatable read')
      await source.query('start transaction with consistent snapshot, read only')
    }
  } catch (error) {
    connection.destroy()
    throw error
  }
  return source
}

/** Milliseconds for a connection, at most. */
const CONNECT_MS = 10_000

function sourceOn(
  connection: Connection,
  { place, timeoutMs = Infinity }: { readonly place: string; readonly timeoutMs?: number | undefined },
): LmsSource {
  const columnsOfTables = new Map<string, Promise<ReadonlySet<string>>>()
  const query = async <Row extends LmsRow>(statement: string, values: readonly unknown[] = []): Promise<Row[]> => {
    try {
      const answer = connection.query<RowDataPacket[]>(statement, [...values])
      const [rows] = await (timeoutMs === Infinity
        ? answer
        : withinDeadline(answer, timeoutMs, () => connection.destroy()))
      return rows as unknown as Row[] // as the statement selects them
    } catch (error) {
      throw error instanceof LmsSilent ? error : new LmsSourceError(place, error)
    }
  }
  const columns = (table: string) => {
    const known = columnsOfTables.get(table) ?? query<{ name: string }>(COLUMNS, [table]).then(namesOf)
    columnsOfTables.set(table, known)
    return known
  }
  return {
    columns,
    query,
    pages: (table, options) => pagesOf({ columns, query }, table, options),
    [Symbol.asyncDispose]: () => connection.end().catch(() => connection.destroy()),
  }
}

const COLUMNS = `select lower(column_name) as name from information_schema.columns
  where table_schema = database() and table_name = ?`

function namesOf(rows: readonly { name: string }[]): ReadonlySet<string> {
  return new Set(rows.map(({ name }) => name))
}

async function* pagesOf<Row extends LmsRow>(
  { columns, query }: Pick<LmsSource, 'columns' | 'query'>,
  table: string,
  { key, columns: wanted, joins = [], after = null, where, size = SOURCE_PAGE_SIZE }: PageOptions,
): AsyncGenerator<readonly Row[]> {
  const known = await columns(table)
  if (known.size === 0) return
  const there = new Map([['t', known]])
  const selected = wanted.map((name) => (known.has(name) ? `t.${identifier(name)}` : `null as ${identifier(name)}`))
  let from = `${identifier(table)} t`
  for (const join of joins) {
    const [outer, inner] = join.on
    const [alias = '', column = ''] = outer.split('.')
    const columnsOfJoin = await columns(join.table)
    const isThere = there.get(alias)?.has(column) === true && columnsOfJoin.has(inner)
    if (isThere) {
      there.set(join.as, columnsOfJoin)
      from += ` left join ${identifier(join.table)} ${join.as} on ${join.as}.${identifier(inner)} = ${alias}.${identifier(column)}`
    }
    for (const [name, source] of Object.entries(join.columns)) {
      const value = isThere && columnsOfJoin.has(source) ? `${join.as}.${identifier(source)}` : 'null'
      selected.push(`${value} as ${identifier(name)}`)
    }
  }
  let last = after
  for (;;) {
    const conditions = [
      ...(where === undefined ? [] : [`(${where})`]),
      ...(last === null ? [] : [`t.${identifier(key)} > ?`]),
    ]
    const condition = conditions.length === 0 ? '' : ` where ${conditions.join(' and ')}`
    const statement = `select ${selected.join(', ')} from ${from}${condition} order by t.${identifier(key)} limit ${size}`
    const rows = await query<Row>(statement, last === null ? [] : [last])
    if (rows.length > 0) yield rows
    if (rows.length < size) return
    last = rows.at(-1)?.[key] ?? null
  }
}
