// Arrays get into SQL in two ways. Statements that are prepared by name, as all that every call needs are, take the texts that
// this file makes. Others are written with Kysely's `sql`, which takes arrays as they are: `any (${ids}::integer[])`.

/** A column of rows that a statement takes as parameters. */
export interface Column<T> {
  readonly name: string
  /** Of PostgreSQL. */
  readonly type: string
  readonly valuesOf: (rows: readonly T[]) => readonly Value[]
}

export type Value = string | number | boolean | null

/**
 * The values of many rows as two parameters for each column, in order: an array, and one value that stands for all rows
 * where they share it; the array is empty then. So what is the same for a whole batch is sent, parsed and stored once. The
 * first column is always an array: it says how many rows there are.
 *
 * Arrays are encoded here, in one pass; pg would look at the type of every element.
 */
export function columnParameters<T>(columns: readonly Column<T>[], rows: readonly T[]): Value[] {
  return columns.flatMap(({ valuesOf }, index) => {
    const values = valuesOf(rows)
    const [first = null] = values
    const isShared = index > 0 && values.every((value) => value === first)
    return isShared ? ['{}', first] : [arrayLiteral(values), null]
  })
}

/**
 * The rows of {@link columnParameters} as a table expression, whose columns have their names; `n` counts them from 1.
 *
 * @param first the number of the first parameter.
 */
export function columnRows(columns: readonly Column<never>[], first: number): string {
  const arrays = columns.map(({ type }, index) => `(select $${first + 2 * index}::${type}[])`)
  const shared = columns.map(
    ({ name, type }, index) => `coalesce(r.${name}, $${first + 2 * index + 1}::${type}) as ${name}`,
  )
  const names = columns.map(({ name }) => name)
  // In subqueries, so that the planner never looks at the lengths of the arrays: it keeps one plan for all calls.
  return `(select ${shared.join(', ')}, r.n
    from unnest(${arrays.join(', ')}) with ordinality as r (${names.join(', ')}, n))`
}

/** The values of a lone row, one parameter for each column. */
export function plainParameters<T>(columns: readonly Column<T>[], rows: readonly T[]): Value[] {
  return columns.map(({ valuesOf }) => valuesOf(rows)[0] ?? null)
}

/** The row of {@link plainParameters} as a table expression of the same form as {@link columnRows}. */
export function plainRow(columns: readonly Column<never>[], first: number): string {
  const values = columns.map(({ name, type }, index) => `$${first + index}::${type} as ${name}`)
  return `(select ${values.join(', ')}, 1 as n)`
}

/** PostgreSQL's text form of an array. */
export function arrayLiteral(values: readonly Value[]): string {
  let literal = '{'
  for (const value of values) {
    if (literal.length > 1) literal += ','
    literal += typeof value === 'string' ? quoted(value) : (value ?? 'NULL')
  }
  return `${literal}}`
}

function quoted(text: string): string {
  return SPECIAL.test(text) ? `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"` : `"${text}"`
}

const SPECIAL = /["\\]/
