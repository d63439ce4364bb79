import type { Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import type { Page } from '../webhook/read.ts'
import type { BulkJob, JobState } from './job.ts'
import { jobOf, readJobRow } from './row.ts'

/** @throws {EnrollmentError} `jobNotFound` */
export async function getJob(db: Kysely<DB>, jobId: string, now: Date): Promise<BulkJob> {
  return jobOf(await readJobRow(db, jobId), now)
}

export interface ListOptions {
  readonly state?: JobState | undefined
  /** Of the page before. */
  readonly cursor?: string | undefined
  readonly limit: number
  readonly now: Date
}

/** Lists jobs, the newest first. */
export async function listJobs(db: Kysely<DB>, { state, cursor, limit, now }: ListOptions): Promise<Page<BulkJob>> {
  let query = db
    .selectFrom('bulk_jobs')
    .selectAll()
    .orderBy('number', 'desc')
    .limit(limit + 1)
  if (state !== undefined) query = query.where('state', '=', state)
  if (cursor !== undefined) query = query.where('number', '<', cursor)
  const rows = await query.execute()
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  return {
    items: items.map((row) => jobOf(row, now)),
    nextCursor: rows.length > limit && last !== undefined ? last.number : null,
  }
}
