import { z } from 'zod'
import { jobActions, type SyncLimits } from '../../core/bulk/job.ts'
import { readJobRow, type JobRow } from '../../core/bulk/row.ts'
import { storableText } from '../../core/text.ts'
import { query } from '../../routers/operation.ts'

const start = z.strictObject({
  source: z.strictObject({ uploadId: z.string() }),
  action: z.enum(jobActions),
  failureMode: z.enum(['bestEffort', 'strict']),
  name: z.string().exactOptional(),
  reason: z.string().exactOptional(),
  courseIds: z.array(z.string()).exactOptional(),
  limits: z.strictObject({ maxRemovals: z.union([z.number(), z.string()]).exactOptional() }).exactOptional(),
  removeFunded: z.boolean(),
  planFingerprint: z.string().exactOptional(),
  idempotencyKey: z.string(),
})

const undo = z.union([z.strictObject({ jobId: z.string() }), z.strictObject({ batchId: z.string() })])

/**
 * What a dry run is the plan of, as `bulk.start` or `bulk.undo` is to be sent it (bulk §1, §4); null: it is no plan that could be carried
 * out. It is read from the job, not from the address of the page: a link that somebody made cannot start anything but what is shown.
 */
export const planOf = query({
  input: z.strictObject({ jobId: storableText(255) }),
  output: z.union([z.strictObject({ start }), z.strictObject({ undo }), z.null()]),
  handler: async ({ db }, { jobId }) => {
    const job = await readJobRow(db, jobId)
    if (!job.is_dry_run || job.state !== 'done') return null
    if (job.undone_batch_id !== null) return { undo: undoOf(job, job.undone_batch_id) }
    return job.upload_id === null ? null : { start: startOf(job, job.upload_id) }
  },
})

function undoOf({ parent_job_id: jobId }: JobRow, batchId: string): z.infer<typeof undo> {
  return jobId === null ? { batchId } : { jobId }
}

function startOf(job: JobRow, uploadId: string): z.infer<typeof start> {
  const { name, reason, course_ids: courseIds, limits, plan_fingerprint: planFingerprint } = job
  return {
    source: { uploadId },
    action: job.action as (typeof jobActions)[number], // As `bulk.start` was sent it, and so is the next.
    failureMode: job.failure_mode as 'bestEffort' | 'strict',
    removeFunded: job.removes_funded,
    ...(name === null ? {} : { name }),
    ...(reason === null ? {} : { reason }),
    ...(courseIds === null ? {} : { courseIds }),
    ...(limits === null ? {} : { limits: limits as { maxRemovals?: NonNullable<SyncLimits['maxRemovals']> } }),
    ...(planFingerprint === null ? {} : { planFingerprint }),
    // Whoever starts a plan twice, or sends it again over a lost connection, starts one job.
    idempotencyKey: `plan ${job.id}`,
  }
}
