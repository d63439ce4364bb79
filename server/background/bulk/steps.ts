import type { Kysely } from 'kysely'
import { enqueueAbandoned } from '../../../core/bulk/queue.ts'
import { sweepBulkJobs } from '../../../core/bulk/sweep.ts'
import type { DB } from '../../../core/database/schema.ts'
import type { WorkerStep } from '../loop.ts'

export interface BulkStepsOptions {
  readonly db: Kysely<DB>
  /** Days that a job is kept after its end. */
  readonly retentionDays: number
}

/** What bulk jobs need beside their worker: jobs of processes that were killed go on, and old ones are deleted. */
export function bulkSteps({ db, retentionDays }: BulkStepsOptions): WorkerStep[] {
  return [
    {
      name: 'looking for abandoned bulk jobs',
      intervalMs: ABANDONED_MS,
      async run() {
        await enqueueAbandoned(db)
        return false
      },
    },
    {
      name: 'sweeping bulk jobs',
      delayMs: 5_000,
      intervalMs: 60 * 60 * 1_000,
      async run(signal) {
        await sweepBulkJobs(db, { now: new Date(), retentionDays, signal })
        return false
      },
    },
  ]
}

/** Milliseconds: with the lease of a job less than the 30 s after which another process goes on (bulk.md §1). */
const ABANDONED_MS = 2_000
