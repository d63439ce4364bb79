import type { Connection, RowDataPacket } from 'mysql2/promise'
import type { LmsEnrollment, RowVerdict } from './lms-row.ts'
import {
  addCourses,
  classify,
  DROP_TABLES,
  fill,
  makeTables,
  OUTCOMES,
  SESSION,
  write,
  type LmsShape,
} from './statements.ts'

/** What became of a row, or would. */
export interface RowOutcome {
  readonly row: LmsEnrollment
  readonly verdict: RowVerdict
  /** Of the row in the LMS; null: it has none. */
  readonly lmsId: number | null
  /** What MySQL says of a row that it does not store. */
  readonly words?: string | undefined
}

/** Writes enrollments into the database of an LMS. Dispose of it to take its temporary tables away. */
export interface LmsWriter extends AsyncDisposable {
  /**
   * Writes rows in one transaction, each with a row of history; what the LMS says already is left as it is (adoption.md §6).
   * A row that MySQL refuses costs no other.
   *
   * @param rows those of one account together, so that pairs that MySQL takes for one another are found.
   * @returns what became of them, in their order.
   */
  write(rows: readonly LmsEnrollment[]): Promise<RowOutcome[]>
}

/**
 * Makes a writer on a connection to the database of an LMS, which belongs to the writer until it is disposed of. The account
 * needs `select`, `insert`, `update` and `delete` on the tables of lms.md A.3, `select` on those of accounts and course runs, and
 * `create temporary tables`.
 *
 * @param options.dryRun finds out what would become of the rows, and writes nothing.
 */
export async function openLmsWriter(
  connection: Connection,
  { dryRun = false }: { readonly dryRun?: boolean } = {},
): Promise<LmsWriter> {
  const [[before]] = await connection.query<RowDataPacket[]>('select @@session.sql_mode as mode')
  const shape = await shapeOf(connection)
  await run(connection, [...SESSION, ...makeTables(shape)])
  const courses = new Map<string, number>()
  const writeOnce = async (rows: readonly LmsEnrollment[]): Promise<RowOutcome[]> => {
    const unknown = [...new Set(rows.map(({ courseId }) => courseId))].filter((id) => !courses.has(id))
    await run(connection, addCourses(unknown, courses.size))
    for (const courseId of unknown) courses.set(courseId, courses.size)
    const statements = [...fill(rows, (courseId) => courses.get(courseId) ?? -1), ...classify(shape)]
    return inTransaction(connection, dryRun ? 'rollback' : 'commit', async () => {
      await run(connection, dryRun ? statements : [...statements, ...write(shape)])
      const [outcomes] = await connection.query<RowDataPacket[]>(OUTCOMES)
      return rows.map((row, index) => outcomeOf(row, outcomes[index]))
    })
  }
  return {
    write: (rows) => writeApart(rows, writeOnce),
    async [Symbol.asyncDispose]() {
      await run(connection, DROP_TABLES)
      await connection.query('set session sql_mode = ?', [before?.['mode']])
    },
  }
}

/** Rows of which MySQL refuses one are written one by one. */
async function writeApart(
  rows: readonly LmsEnrollment[],
  writeOnce: (rows: readonly LmsEnrollment[]) => Promise<RowOutcome[]>,
): Promise<RowOutcome[]> {
  if (rows.length === 0) return []
  try {
    return await writeOnce(rows)
  } catch (error) {
    const words = refusalOf(error)
    if (words === null) throw error
    const [row] = rows
    if (row !== undefined && rows.length === 1) return [{ row, verdict: 'refused', lmsId: null, words }]
    const middle = Math.ceil(rows.length / 2)
    const first = await writeApart(rows.slice(0, middle), writeOnce)
    return [...first, ...(await writeApart(rows.slice(middle), writeOnce))]
  }
}

/** What MySQL says of data that it does not store; null for every other error. */
function refusalOf(error: unknown): string | null {
  if (!(error instanceof Error) || !('sqlState' in error)) return null
  // Data, integrity constraints: what follows from the row.
  return /^(22|23)/.test(String(error.sqlState)) || ('errno' in error && error.errno === INCORRECT_STRING)
    ? error.message
    : null
}

/** A character that the character set of a column lacks; its state says nothing. */
const INCORRECT_STRING = 1366

/** Deadlocks with the LMS, and locks that it holds for long. */
const CONFLICTS = [1213, 1205]
const MAX_ATTEMPTS = 5

async function inTransaction<T>(
  connection: Connection,
  end: 'commit' | 'rollback',
  work: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await connection.query('start transaction')
      const result = await work()
      await connection.query(end)
      return result
    } catch (error) {
      await connection.query('rollback').catch(() => {})
      const isConflict = error instanceof Error && 'errno' in error && CONFLICTS.includes(Number(error.errno))
      if (!isConflict || attempt >= MAX_ATTEMPTS) throw error
    }
  }
}

async function run(connection: Connection, statements: readonly string[]): Promise<void> {
  for (const statement of statements) await connection.query(statement)
}

async function shapeOf(connection: Connection): Promise<LmsShape> {
  const [rows] = await connection.query<RowDataPacket[]>(
    `select lower(column_name) as name from information_schema.columns
  where table_schema = database() and table_name = 'student_courseenrollment_history'`,
  )
  return { history: new Set(rows.map((row) => String(row['name']))) }
}

/** The verdicts are those of the statements. */
function outcomeOf(row: LmsEnrollment, outcome: RowDataPacket | undefined): RowOutcome {
  if (outcome === undefined) throw new RangeError('Each row has an outcome')
  const id: unknown = outcome['present_id']
  return { row, verdict: outcome['verdict'] as RowVerdict, lmsId: id === null ? null : Number(id) }
}
