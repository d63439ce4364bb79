import { EnrollmentError, failure } from '../errors.ts'
import { readCsv, type CsvRecord } from './csv/read.ts'
import { CsvRefusal } from './csv/refusal.ts'
import type { CsvAction } from './csv/item.ts'
import type { BulkLine } from './job.ts'
import type { PlanSource } from './source.ts'
import { readPieces } from './uploads.ts'

/** The lines of a CSV file (bulk.md §2). A list without a header is of the one course run that the job names. */
export const fileSource: PlanSource = {
  isStable: true,
  async *read(db, { upload_id: uploadId, action, course_ids: courseIds }) {
    try {
      const course = courseIds?.length === 1 ? courseIds[0] : undefined
      const options = { action: action as CsvAction, course } // By a check of the table.
      const { header, warnings, pages } = await readCsv(readPieces(db, uploadId ?? ''), options)
      yield { lines: [], header, warnings }
      for await (const records of pages) yield { lines: records.map(lineOf) }
    } catch (error) {
      if (!(error instanceof CsvRefusal)) throw error
      const { problem, line } = error
      throw new EnrollmentError(failure('invalidFile', { problem, line }), { cause: error })
    }
  },
}

function lineOf({ line, ref, original: cells, ...rest }: CsvRecord): BulkLine {
  const place = ref === undefined ? { line, cells } : { line, ref, cells }
  if ('item' in rest) return { ...place, item: rest.item }
  return { ...place, item: null, error: failure('invalidLine', { problem: rest.error.message }) }
}
