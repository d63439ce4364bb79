import type { Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import { plainName } from './csv/columns.ts'
import { resultCsv, type ResultLine } from './csv/result-file.ts'
import { resultPages, type LineResult } from './results.ts'
import { readJobRow, type JobRow } from './row.ts'

/**
 * The result file of a job (bulk.md §2), of those lines that are done, a chunk in memory at a time. Lines of no file are written with
 * the columns of {@link ITEM_COLUMNS}.
 *
 * @throws {EnrollmentError} `jobNotFound`, before the first piece.
 */
export async function resultFileOf(
  db: Kysely<DB>,
  jobId: string,
  { onlyFailed }: { readonly onlyFailed: boolean },
): Promise<AsyncGenerator<string>> {
  const job = await readJobRow(db, jobId)
  const columns = resultColumnsOf(job)
  const pages = async function* (): AsyncGenerator<ResultLine[]> {
    for await (const page of resultPages(db, job, { onlyFailed })) {
      yield page.map((result) => resultLineOf(result, columns))
    }
  }
  return resultCsv([...columns.added, ...columns.own], pages())
}

const ITEM_COLUMNS = [
  'username',
  'email',
  'user_id',
  'course_id',
  'mode',
  'is_active',
  'cohort',
  'enterprise_uuid',
  'reason',
  'ref',
]

/** The columns of a result file: those of the file that was sent, and before them what else names its lines. */
interface ResultColumns {
  readonly added: readonly string[]
  readonly own: readonly string[]
}

/** The columns of the result file of a job. Who is not on a roster is named by username and course run, whatever its file has. */
export function resultColumnsOf({ header, action }: Pick<JobRow, 'header' | 'action'>): ResultColumns {
  const own = (header as string[] | null) ?? ITEM_COLUMNS // As it is written.
  if (action !== 'sync') return { added: [], own }
  const names = new Set(own.map(plainName))
  return { added: ['username', 'course_id'].filter((name) => !names.has(name)), own }
}

/** A line of a result file; a line of no file has its item in the columns that fit. */
export function resultLineOf({ line, outcome }: LineResult, { added, own }: ResultColumns): ResultLine {
  const original =
    line.cells === undefined ? cellsOf(line, [...added, ...own]) : [...added.map(() => ''), ...line.cells]
  if (outcome.ok) return { original, outcome: outcome.outcome.kind }
  return { original, code: outcome.error.code, message: outcome.error.message }
}

function cellsOf({ item, ref }: LineResult['line'], columns: readonly string[]): string[] {
  const { userId, courseId, isActive, enterpriseUuid, ...others } = (item ?? {}) as Record<string, unknown>
  const values: Record<string, unknown> = {
    ...others,
    user_id: userId,
    course_id: courseId,
    is_active: isActive,
    enterprise_uuid: enterpriseUuid,
    ref,
  }
  return columns.map((name) => {
    const value = values[plainName(name)]
    return typeof value === 'string' || typeof value === 'boolean' ? String(value) : ''
  })
}
