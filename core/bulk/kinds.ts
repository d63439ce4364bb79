import { fileSource } from './file-source.ts'
import { retrySource } from './retry-source.ts'
import type { JobRow } from './row.ts'
import type { JobKind } from './source.ts'
import { itemsSource } from './sync/items-source.ts'
import { applyRoster, rosterKind } from './sync/kind.ts'
import { undoKind } from './undo/kind.ts'

/**
 * How a job is read and carried out. What is tried again of a roster or of an undoing is what had been planned, at the versions
 * that it was planned on: who was unlisted is not known from the failed lines alone.
 */
export function kindOf(job: Pick<JobRow, 'source' | 'action' | 'undone_batch_id'>): JobKind {
  const isRetry = job.source === 'retry'
  if (job.undone_batch_id !== null) return isRetry ? { ...undoKind, source: retrySource } : undoKind
  if (job.action !== 'sync') return { source: isRetry ? retrySource : fileSource }
  if (isRetry) return { source: retrySource, carryOut: applyRoster }
  return rosterKind(job.source === 'items' ? itemsSource : fileSource)
}
