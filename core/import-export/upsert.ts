import { CompiledQuery, type Transaction } from 'kysely'
import { columnParameters, columnRows, type Column, type Value } from '../database/columns.ts'
import type { DB } from '../database/schema.ts'
import type { Written } from './group-importer.ts'

/** A table with the columns that lines of one type fill. */
export interface UpsertTarget<Name extends string = string, Table extends string = keyof DB> {
  readonly table: Table
  /** What the unique index of the natural key is over. */
  readonly conflict: string
  /** Whether a row `t` of the table has the natural key of the row `line`. */
  readonly match: string
  /** In the order of the insert, with PostgreSQL's type of one value. */
  readonly columns: Readonly<Record<Name, ColumnUse>>
}

/**
 * What a column is for: part of the natural key; a value that a line sets; one that a line may leave out (null), which then
 * stays as it is, and is `initially` in a new row; set only in a new row; or set together with the values, but alone no
 * reason to change a row.
 *
 * @param initially an SQL expression; null unless given.
 */
export type ColumnUse = readonly [
  type: ColumnType,
  use: 'key' | 'value' | 'optional' | 'first' | 'metadata',
  initially?: string,
]
export type ColumnType =
  | 'text'
  | 'cidr'
  | 'text[]'
  | 'integer'
  | 'bigint'
  | 'boolean'
  | 'numeric'
  | 'timestamptz'
  | 'uuid'

/**
 * Writes rows by their natural key in one statement: new ones are inserted in the order given, those that differ are
 * changed, and those that are equal are not touched at all.
 *
 * @param rows no two of one natural key.
 */
export async function upsert<Name extends string>(
  trx: Transaction<DB>,
  target: UpsertTarget<Name, string>,
  rows: readonly Row<NoInfer<Name>>[],
): Promise<Written> {
  if (rows.length === 0) return { created: 0, changed: 0 }
  const columns = parameterColumns<Name>(target)
  const statement = upsertStatement(target, columnRows(columns, 1))
  const { rows: answer } = await trx.executeQuery<Written>(
    CompiledQuery.raw(statement, columnParameters(columns, rows)),
  )
  return answer[0] ?? { created: 0, changed: 0 }
}

type Row<Name extends string> = Readonly<Record<Name, unknown>>

function parameterColumns<Name extends string>({ columns }: UpsertTarget<Name, string>): Column<Row<Name>>[] {
  const names = Object.keys(columns) as Name[] // Its declared keys.
  return names.map((name) => {
    const [type] = columns[name]
    const valuesOf = (rows: readonly Row<Name>[]) => rows.map(({ [name]: value }) => parameter(type, value))
    return { name, type: type === 'text[]' ? 'text' : type, valuesOf }
  })
}

/** For lists, each row is one text of JSON: unnest would flatten a list of lists. */
function parameter(type: ColumnType, value: unknown): Value {
  if (type === 'text[]') return JSON.stringify(value)
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  if (value === null || value === undefined) return null
  if (typeof value === 'bigint') return String(value)
  return value instanceof Date ? value.toISOString() : JSON.stringify(value)
}

function upsertStatement(
  { table, conflict, match, columns }: UpsertTarget<string, string>,
  parameters: string,
): string {
  const all = Object.entries(columns)
  const named = (...uses: ColumnUse[1][]) => all.flatMap(([name, [, use]]) => (uses.includes(use) ? [name] : []))
  const values = named('value', 'optional')
  const written = named('value', 'optional', 'metadata')
  const kept = new Set(named('optional'))
  const valueOf = (name: string, from: string, row: string) =>
    kept.has(name) ? `coalesce(${from}.${name}, ${row}.${name})` : `${from}.${name}`
  const set = (from: string, row: string) => written.map((name) => `${name} = ${valueOf(name, from, row)}`).join(', ')
  const rowOf = (valueIn: (name: string) => string) => `row(${values.map(valueIn).join(', ')})`
  const names = all.map(([name]) => name).join(', ')
  const inserted = all.map(([name, [, , initially]]) =>
    initially === undefined ? name : `coalesce(${name}, ${initially})`,
  )
  const selected = all.map(([name, [type]]) =>
    type === 'text[]' ? `array(select jsonb_array_elements_text(${name}::jsonb)) as ${name}` : name,
  )
  const changed =
    values.length === 0
      ? `select 1 where false`
      : `update ${table} t set ${set('line', 't')} from line
         where ${match} and ${rowOf((name) => `t.${name}`)} is distinct from ${rowOf((name) => valueOf(name, 'line', 't'))} returning 1`
  const resolution = values.length === 0 ? 'nothing' : `update set ${set('excluded', table)}`
  return `with line as materialized (
    select ${selected.join(', ')}, n from ${parameters} as line
  ), changed as (
    ${changed}
  ), added as (
    insert into ${table} (${names})
    select ${inserted.join(', ')} from line where not exists (select from ${table} t where ${match})
    order by n
    on conflict (${conflict}) do ${resolution}
    returning 1
  )
  select (select count(*) from added)::integer as created, (select count(*) from changed)::integer as changed`
}
