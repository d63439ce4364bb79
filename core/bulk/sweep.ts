import { sql, type Kysely } from 'kysely'
import { instantFromDate } from '../database/instant.ts'
import type { DB } from '../database/schema.ts'
import { BULK_TASK } from './queue.ts'

const DAY_MS = 24 * 60 * 60 * 1000

/** Files that no job has been started of are kept so long (bulk.md §1). */
const UPLOAD_DAYS = 7

/** What has not arrived by then never does: who puts it up is gone. */
const UNFINISHED_DAYS = 1

/** Rows that one statement deletes, at most: each may be a megabyte. */
const STEP = 50

export interface BulkSweepOptions {
  readonly now: Date
  /** Days that a job is kept after its end. */
  readonly retentionDays: number
  /** Ends the sweep after the step that runs. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Deletes jobs that ended long ago with their lines and files, and files that nobody has used, in steps that are short each.
 * Several processes may sweep at once: none waits for another.
 *
 * @param db a pool: each step is kept by itself.
 */
export async function sweepBulkJobs(db: Kysely<DB>, { now, retentionDays, signal }: BulkSweepOptions): Promise<void> {
  const daysAgo = (days: number) => instantFromDate(new Date(now.getTime() - days * DAY_MS))
  const heads = [
    sql`delete from bulk_jobs where ctid = any(array(
      select ctid from bulk_jobs where ended < ${daysAgo(retentionDays)}::timestamptz limit ${STEP} for update skip locked))`,
    sql`delete from bulk_uploads where ctid = any(array(
      select ctid from bulk_uploads u
      where u.created < case when bytes is null then ${daysAgo(UNFINISHED_DAYS)} else ${daysAgo(UPLOAD_DAYS)} end::timestamptz
        and not exists (select from bulk_jobs j where j.upload_id = u.id) limit ${STEP} for update skip locked))`,
  ]
  const left = [
    sql`delete from bulk_chunks where ctid = any(array(select ctid from bulk_chunks c
      where not exists (select from bulk_jobs j where j.id = c.job_id) limit ${STEP} for update skip locked))`,
    sql`delete from bulk_rosters where ctid = any(array(select ctid from bulk_rosters r
      where not exists (select from bulk_jobs j where j.id = r.job_id) limit ${STEP} for update skip locked))`,
    sql`delete from bulk_upload_pieces where ctid = any(array(select ctid from bulk_upload_pieces p
      where not exists (select from bulk_uploads u where u.id = p.upload_id) limit ${STEP} for update skip locked))`,
  ]
  for (const statement of [...heads, ...left]) {
    while (signal?.aborted !== true) {
      const { numAffectedRows = 0n } = await statement.execute(db)
      if (numAffectedRows < STEP) break
    }
  }
  await sql`select bulk_sweep_queue(${BULK_TASK})`.execute(db)
}
