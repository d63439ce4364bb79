import type { BulkLine } from './job.ts'
import { resultPages, type LineResult } from './results.ts'
import type { PlanSource } from './source.ts'

/**
 * The lines of another job that failed there. What could not be read then cannot be read now, and of lines that contradict each
 * other somebody has to choose one: they keep their errors.
 */
export const retrySource: PlanSource = {
  isStable: true,
  async *read(db, { parent_job_id: id }) {
    for await (const page of resultPages(db, { id: id ?? '' }, { onlyFailed: true })) yield { lines: page.map(retried) }
  },
}

function retried({ line, outcome }: LineResult): BulkLine {
  const isBesideOthers = !outcome.ok && BESIDE_OTHERS.has(outcome.error.code)
  return isBesideOthers ? { ...line, error: outcome.error } : line
}

/** What is wrong with a line because of another one, which `bulk_chunks.faults` says of the other job. */
const BESIDE_OTHERS: ReadonlySet<string> = new Set(['duplicateLine', 'contradictingLine'])
