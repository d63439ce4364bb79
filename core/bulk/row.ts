import type { Kysely, Selectable } from 'kysely'
import type { BulkJobs, DB } from '../database/schema.ts'
import { EnrollmentError, failure, type Failure } from '../errors.ts'
import type { Actor } from '../enrollment/command.ts'
import type { BulkJob, FailureMode, JobAction, JobPhase, JobSource, JobState } from './job.ts'

/** A job as it is stored. */
export type JobRow = Selectable<BulkJobs>

/** The job of a row; what it is by checks of the table or by those who write it needs no second look. */
export function jobOf(row: JobRow, now: Date): BulkJob {
  const { state, rate } = row as { state: JobState; rate: number | null }
  const ratePerSecond = row.ended === null ? rate : averageRate(row)
  return {
    jobId: row.id,
    name: row.name,
    state,
    phase: row.phase as JobPhase,
    action: row.action as JobAction,
    source: row.source as JobSource,
    failureMode: row.failure_mode as FailureMode,
    dryRun: row.is_dry_run,
    actor: { kind: row.actor_kind as Actor['kind'], name: row.actor_name },
    reason: row.reason,
    parentJobId: row.parent_job_id,
    total: row.total,
    done: row.done,
    counts: row.counts as Record<string, number>,
    ratePerSecond: ratePerSecond === null ? null : Math.round(ratePerSecond * 10) / 10,
    estimatedEnd: estimatedEnd(row, now),
    createdAt: row.created,
    startedAt: row.started,
    endedAt: row.ended,
    lastError: row.last_error as unknown as Failure | null,
    planFingerprint: row.plan_fingerprint,
    warnings: row.warnings as string[],
  }
}

function averageRate({ done, started, ended }: JobRow): number | null {
  if (started === null || ended === null || done === 0) return null
  return done / Math.max((Date.parse(ended) - Date.parse(started)) / 1000, 0.001)
}

function estimatedEnd({ state, total, done, rate }: JobRow, now: Date): string | null {
  if (state !== 'running' || total === null || rate === null || rate <= 0) return null
  return new Date(now.getTime() + ((total - done) / rate) * 1000).toISOString()
}

/** @throws {EnrollmentError} `jobNotFound`, also for a text that is no id. */
export async function readJobRow(db: Kysely<DB>, jobId: string): Promise<JobRow> {
  const row = await db.selectFrom('bulk_jobs').selectAll().where('id', '=', jobIdOf(jobId)).executeTakeFirst()
  if (row === undefined) throw jobNotFound(jobId)
  return row
}

/** @throws {EnrollmentError} `jobNotFound` for a text that is no id. */
export function jobIdOf(text: string): string {
  if (!UUID.test(text)) throw jobNotFound(text)
  return text.toLowerCase()
}

/** What is told of a job that is not there. */
export function jobNotFound(jobId: string): EnrollmentError {
  return new EnrollmentError(failure('jobNotFound', { jobId }))
}

/** The text of a UUID. */
export const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
