import type { Insertable, Kysely, Transaction } from 'kysely'
import { instantFromDate } from '../database/instant.ts'
import type { BulkJobs, DB } from '../database/schema.ts'
import { inTransaction } from '../database/transaction.ts'
import type { CallMetadata } from '../enrollment/command.ts'
import { EnrollmentError, failure } from '../errors.ts'
import { withIdempotencyKey } from '../idempotency/key.ts'
import { CHUNK_LINES, writeChunk } from './chunks.ts'
import type { BulkItem, FailureMode, JobAction, JobState, SyncLimits } from './job.ts'
import { packLines } from './pack.ts'
import { enqueue } from './queue.ts'
import { UUID } from './row.ts'
import { writePieces } from './uploads.ts'

/** A job that is to be started (bulk.md §1). */
export interface JobRequest {
  readonly name?: string | undefined
  readonly source:
    | { readonly items: readonly (BulkItem & { readonly ref?: string | undefined })[] }
    | { readonly csv: string }
    | { readonly uploadId: string }
  readonly action: JobAction
  readonly failureMode: FailureMode
  readonly dryRun: boolean
  readonly courseIds?: readonly string[] | undefined
  readonly limits?: SyncLimits | undefined
  readonly planFingerprint?: string | undefined
  readonly removeFunded: boolean
  readonly idempotencyKey?: string | undefined
  readonly reason?: string | undefined
}

export interface StartedJob {
  jobId: string
  state: JobState
}

/**
 * Starts a job: it is in the queue once the transaction has committed, and whoever runs a worker carries it out.
 *
 * @param db the pool, or the caller's transaction, which it joins.
 * @throws {EnrollmentError} `uploadNotFound`, `idempotencyMismatch`
 */
export async function startJob(db: Kysely<DB>, request: JobRequest, metadata: CallMetadata): Promise<StartedJob> {
  const { idempotencyKey: key, ...asked } = request
  if (key === undefined) return inTransaction(db, (trx) => insertRequested(trx, asked, metadata))
  const use = { actor: metadata.actor.name, scope: 'bulk.start', key, input: asked, now: metadata.now }
  const { answer } = await withIdempotencyKey(db, use, (trx) => insertRequested(trx, asked, metadata))
  return answer
}

type Asked = Omit<JobRequest, 'idempotencyKey'>

async function insertRequested(trx: Transaction<DB>, asked: Asked, metadata: CallMetadata): Promise<StartedJob> {
  const { source, courseIds, limits } = asked
  const job: NewJob = {
    ...callFields(metadata),
    name: asked.name ?? null,
    phase: 'reading',
    source: 'items',
    action: asked.action,
    failure_mode: asked.failureMode,
    is_dry_run: asked.dryRun,
    reason: asked.reason ?? null,
    course_ids: courseIds === undefined ? null : [...courseIds],
    limits: limits === undefined ? null : JSON.stringify(limits),
    removes_funded: asked.removeFunded,
    expected_fingerprint: asked.planFingerprint ?? null,
  }
  if ('uploadId' in source) {
    await checkUpload(trx, source.uploadId)
    return insertJob(trx, { ...job, source: 'upload', upload_id: source.uploadId })
  }
  if ('csv' in source) {
    const uploadId = await writePieces(trx, Buffer.from(source.csv), metadata)
    return insertJob(trx, { ...job, source: 'csv', upload_id: uploadId })
  }
  const lines = source.items.map(({ ref, ...item }, index) => ({ line: index + 1, ref, item }))
  const chunks = chunked(lines)
  if (asked.action === 'sync') {
    const started = await insertJob(trx, job)
    for (const [number, chunk] of chunks.entries()) {
      const listed = { job_id: started.jobId, number, lines: packLines(chunk) }
      await trx.insertInto('bulk_rosters').values(listed).execute()
    }
    return started
  }
  const started = await insertJob(trx, { ...job, phase: 'running', total: lines.length })
  for (const [number, chunk] of chunks.entries()) {
    await writeChunk(trx, started.jobId, chunk, { number, isOfFile: false, isKept: true })
  }
  return started
}

function chunked<T>(lines: readonly T[]): T[][] {
  const chunks: T[][] = []
  for (let from = 0; from < lines.length; from += CHUNK_LINES) chunks.push(lines.slice(from, from + CHUNK_LINES))
  return chunks
}

async function checkUpload(trx: Transaction<DB>, uploadId: string): Promise<void> {
  const found = UUID.test(uploadId)
    ? await trx
        .selectFrom('bulk_uploads')
        .select('id')
        .where('id', '=', uploadId)
        .where('bytes', 'is not', null)
        // So that it is not swept in the meantime.
        .forShare()
        .executeTakeFirst()
    : undefined
  if (found === undefined) throw new EnrollmentError(failure('uploadNotFound', { uploadId }))
}

/** The columns of a job that its beginning decides. */
export type NewJob = Insertable<BulkJobs>

/** Who starts a job. */
export function callFields({
  actor,
  requestId,
  now,
}: CallMetadata): Pick<NewJob, 'actor_kind' | 'actor_name' | 'request_id' | 'created'> {
  return {
    actor_kind: actor.kind,
    actor_name: actor.name,
    request_id: requestId ?? null,
    created: instantFromDate(now),
  }
}

/** Writes a job, and its place in the queue. */
export async function insertJob(trx: Transaction<DB>, job: NewJob): Promise<StartedJob> {
  const { id, state } = await trx
    .insertInto('bulk_jobs')
    .values(job)
    .returning(['id', 'state'])
    .executeTakeFirstOrThrow()
  await enqueue(trx, id)
  return { jobId: id, state: state as JobState } // As the table has it by default.
}
