import { sql, type Kysely } from 'kysely'
import { isDatabaseUnavailable } from '../database/failure.ts'
import { perPool } from '../database/per-pool.ts'
import type { DB } from '../database/schema.ts'
import { EnrollmentError, failure, type Failure } from '../errors.ts'
import type { Policy } from '../policy.ts'
import { metadataOf } from './apply-lines.ts'
import { ChunkGone } from './chunk.ts'
import { compareLines } from './compare-lines.ts'
import { retryHeldLines } from './held-lines.ts'
import type { JobPhase, JobState } from './job.ts'
import { enqueue, lease, LEASE_MS } from './queue.ts'
import { comparesLines, readSource } from './read-source.ts'
import type { JobRow } from './row.ts'
import { runChunks } from './run-chunks.ts'
import { runStrictly } from './strict.ts'

export interface BulkContext {
  /** A pool. */
  readonly db: Kysely<DB>
  readonly policy: Policy
  /** Is aborted when the process stops: work ends after the chunk that runs. */
  readonly signal: AbortSignal
  /** Is told of what goes wrong and is tried again. */
  readonly onError?: ((error: unknown, jobId: string) => void) | undefined
}

/** Failures in a row after which a job that cannot go on has failed; while the database does not answer they are not counted. */
const MAX_FAILURES = 8

/**
 * Works on a job until others wait for their turn, and puts it back into the queue unless it has ended. Several processes may work on several jobs;
 * where two of them work on one, every chunk is done once all the same.
 */
export async function workOnJob(context: BulkContext, jobId: string): Promise<void> {
  const { db } = context
  const job = await beginWork(db, jobId)
  if (job === undefined) return
  const kept = keepLease(context, jobId)
  try {
    const delayMs = await workForAMoment({ ...context, signal: kept.signal }, job)
    if (delayMs !== null) await enqueue(db, jobId, delayMs)
  } catch (error) {
    await dealWith(error, context, job)
  } finally {
    kept.end()
  }
}

async function beginWork(db: Kysely<DB>, jobId: string): Promise<JobRow | undefined> {
  return db
    .updateTable('bulk_jobs')
    .set({
      state: 'running',
      started: sql`coalesce(started, clock_timestamp())`,
      leased_until: sql`clock_timestamp() + ${LEASE_MS}::float8 * interval '1 millisecond'`,
    })
    .where('id', '=', jobId)
    .where('state', 'in', ['queued', 'running'])
    .returningAll()
    .executeTakeFirst()
}

/** Says again and again that this process works on the job; hears that it has been cancelled. */
function keepLease({ db, signal }: BulkContext, jobId: string): { readonly signal: AbortSignal; end(): void } {
  const gone = new AbortController()
  const timer = setInterval(() => {
    lease(db, jobId).then(
      (isOpen) => isOpen || gone.abort(new ChunkGone('The job has ended')),
      () => {},
    )
  }, LEASE_MS / 4)
  timer.unref()
  return { signal: AbortSignal.any([signal, gone.signal]), end: () => clearInterval(timer) }
}

/** @returns milliseconds after which there is more to do; null: the job has ended. */
async function workForAMoment(context: BulkContext, begun: JobRow): Promise<number | null> {
  const { db, policy, signal } = context
  let job = begun
  if (job.phase === 'reading') {
    using reader = takeReader(db, job)
    if (reader === null) return READER_PAUSE_MS
    const total = await readSource(db, job, { signal, policy })
    job = await moveOn(db, job, { phase: comparesLines(job) ? 'checking' : 'running', total })
  }
  if (job.phase === 'checking') {
    await compareLines(db, job.id)
    job = await moveOn(db, job, { phase: 'running', total: job.total })
  }
  const chunkContext = { job, policy, metadata: metadataOf(job) }
  if (job.failure_mode === 'strict') {
    if (job.done === 0) await runStrictly(db, chunkContext)
    const isKept = job.is_dry_run || !(await hasFailedLines(db, job.id))
    await endJob(db, job.id, isKept ? { state: 'done' } : { state: 'failed', error: failure('notAttempted', {}) })
    return null
  }
  if (!(await runChunks(db, chunkContext, signal))) return 0
  const delayMs = await retryHeldLines(db, chunkContext)
  if (delayMs === null) await endJob(db, job.id, { state: 'done' })
  return delayMs
}

/** Large files are read one at a time in a process, so that other jobs have their turn meanwhile. */
function takeReader(db: Kysely<DB>, { source }: JobRow): Disposable | null {
  if (source !== 'upload' && source !== 'undo') return { [Symbol.dispose]() {} }
  const readers = readersOf(db)
  if (readers.count > 0) return null
  readers.count += 1
  return { [Symbol.dispose]: () => void (readers.count -= 1) }
}

const readersOf = perPool(() => ({ count: 0 }))

const READER_PAUSE_MS = 250

async function moveOn(
  db: Kysely<DB>,
  { id }: JobRow,
  to: { readonly phase: JobPhase; readonly total: number | null },
): Promise<JobRow> {
  const row = await db
    .updateTable('bulk_jobs')
    .set(to)
    .where('id', '=', id)
    .where('state', '=', 'running')
    .returningAll()
    .executeTakeFirst()
  if (row === undefined) throw new ChunkGone('The job has ended')
  return row
}

async function hasFailedLines(db: Kysely<DB>, jobId: string): Promise<boolean> {
  const row = await db
    .selectFrom('bulk_chunks')
    .select('number')
    .where('job_id', '=', jobId)
    .where('failed', '>', 0)
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

async function endJob(
  db: Kysely<DB>,
  jobId: string,
  { state, error }: { readonly state: JobState; readonly error?: Failure },
): Promise<void> {
  await db
    .updateTable('bulk_jobs')
    .set({
      state,
      ended: sql`clock_timestamp()`,
      leased_until: null,
      ...(error === undefined ? {} : { last_error: JSON.stringify(error) }),
    })
    .where('id', '=', jobId)
    .where('state', '=', 'running')
    .execute()
}

async function dealWith(error: unknown, { db, signal, onError }: BulkContext, job: JobRow): Promise<void> {
  // Somebody else goes on, or nobody has to.
  if (error instanceof ChunkGone) return enqueue(db, job.id)
  if (signal.aborted) return enqueue(db, job.id)
  const isRefused = error instanceof EnrollmentError && error.code !== 'unavailable'
  if (isRefused) return endJob(db, job.id, { state: 'failed', error: error.failure })
  onError?.(error, job.id)
  const isUnavailable = isDatabaseUnavailable(error) || error instanceof EnrollmentError
  const failures = isUnavailable ? job.failures : job.failures + 1
  if (failures >= MAX_FAILURES) {
    return endJob(db, job.id, {
      state: 'failed',
      error: failure('jobFailed', { problem: 'its log says what went wrong' }),
    })
  }
  const seen = isUnavailable ? failure('unavailable', {}) : failure('jobFailed', { problem: 'it is tried again' })
  await db
    .updateTable('bulk_jobs')
    .set({ failures, last_error: JSON.stringify(seen) })
    .where('id', '=', job.id)
    .where('state', '=', 'running')
    .execute()
  await enqueue(db, job.id, Math.min(500 * 2 ** failures, 30_000))
}
