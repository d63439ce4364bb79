import type { Kysely } from 'kysely'
import type { DB } from '../../database/schema.ts'
import { inTransaction } from '../../database/transaction.ts'
import type { CallMetadata } from '../../enrollment/command.ts'
import { EnrollmentError, failure } from '../../errors.ts'
import type { BulkJob } from '../job.ts'
import { jobIdOf, jobOf, readJobRow, UUID } from '../row.ts'
import { callFields, insertJob } from '../start.ts'

/** What is to be taken back: what a job did, or a batch of any other kind (bulk.md §4). */
export type UndoRequest = ({ readonly jobId: string } | { readonly batchId: string }) & { readonly dryRun: boolean }

/**
 * Starts a job that takes back what a job or a batch did.
 *
 * @throws {EnrollmentError} `jobNotFound`, `jobNotEnded`, `batchNotFound`
 */
export async function startUndo(db: Kysely<DB>, request: UndoRequest, metadata: CallMetadata): Promise<BulkJob> {
  const batchId = 'jobId' in request ? await endedJob(db, request.jobId) : await knownBatch(db, request.batchId)
  return inTransaction(db, async (trx) => {
    const { jobId: id } = await insertJob(trx, {
      ...callFields(metadata),
      phase: 'reading',
      source: 'undo',
      action: 'change',
      failure_mode: 'bestEffort',
      is_dry_run: request.dryRun,
      reason: `undo of ${batchId}`,
      parent_job_id: 'jobId' in request ? batchId : null,
      undone_batch_id: batchId,
    })
    return jobOf(await readJobRow(trx, id), metadata.now)
  })
}

/** The batch of a job is the job; its events are there for longer than it. */
async function endedJob(db: Kysely<DB>, jobId: string): Promise<string> {
  const id = jobIdOf(jobId)
  await refuseOpenJob(db, id)
  if (!(await hasEvents(db, id))) await readJobRow(db, id)
  return id
}

async function hasEvents(db: Kysely<DB>, batchId: string): Promise<boolean> {
  const query = db.selectFrom('enrollment_events').select('batch_id').where('batch_id', '=', batchId).limit(1)
  return (await query.executeTakeFirst()) !== undefined
}

/** What still goes on would not be undone. */
async function refuseOpenJob(db: Kysely<DB>, jobId: string): Promise<void> {
  const query = db.selectFrom('bulk_jobs').select('state').where('id', '=', jobId).where('ended', 'is', null)
  const open = await query.executeTakeFirst()
  if (open !== undefined) throw new EnrollmentError(failure('jobNotEnded', { jobId, state: open.state }))
}

async function knownBatch(db: Kysely<DB>, batchId: string): Promise<string> {
  const isKnown = UUID.test(batchId) && (await hasEvents(db, batchId))
  if (!isKnown) throw new EnrollmentError(failure('batchNotFound', { batchId }))
  await refuseOpenJob(db, batchId)
  return batchId.toLowerCase()
}
