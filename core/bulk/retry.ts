import type { Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import { inTransaction } from '../database/transaction.ts'
import type { CallMetadata } from '../enrollment/command.ts'
import { EnrollmentError, failure } from '../errors.ts'
import type { BulkJob } from './job.ts'
import { jobOf, readJobRow } from './row.ts'
import { callFields, insertJob } from './start.ts'

/**
 * Starts a new job of the lines of another one that failed, as they are.
 *
 * @throws {EnrollmentError} `jobNotFound`, `jobNotEnded`
 */
export async function retryFailed(db: Kysely<DB>, jobId: string, metadata: CallMetadata): Promise<BulkJob> {
  const parent = await readJobRow(db, jobId)
  if (parent.ended === null) throw new EnrollmentError(failure('jobNotEnded', { jobId, state: parent.state }))
  return inTransaction(db, async (trx) => {
    const { jobId: id } = await insertJob(trx, {
      ...callFields(metadata),
      name: parent.name,
      phase: 'reading',
      source: 'retry',
      action: parent.action,
      failure_mode: parent.failure_mode,
      is_dry_run: parent.is_dry_run,
      reason: parent.reason,
      course_ids: parent.course_ids,
      limits: parent.limits === null ? null : JSON.stringify(parent.limits),
      removes_funded: parent.removes_funded,
      header: parent.header === null ? null : JSON.stringify(parent.header),
      parent_job_id: parent.id,
      undone_batch_id: parent.undone_batch_id,
    })
    return jobOf(await readJobRow(trx, id), metadata.now)
  })
}
