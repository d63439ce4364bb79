import type { Kysely } from 'kysely'
import { instantFromDate } from '../database/instant.ts'
import type { DB } from '../database/schema.ts'
import type { BulkJob } from './job.ts'
import { jobIdOf, jobNotFound, jobOf } from './row.ts'

/**
 * Ends a job where it is: what is done stays done, and the chunk that is being carried out is taken back. A job that has ended
 * stays what it is.
 *
 * @throws {EnrollmentError} `jobNotFound`
 */
export async function cancelJob(db: Kysely<DB>, jobId: string, now: Date): Promise<BulkJob> {
  const id = jobIdOf(jobId)
  await db
    .updateTable('bulk_jobs')
    .set({ state: 'cancelled', ended: instantFromDate(now), leased_until: null })
    .where('id', '=', id)
    .where('state', 'in', ['queued', 'running'])
    .execute()
  const row = await db.selectFrom('bulk_jobs').selectAll().where('id', '=', id).executeTakeFirst()
  if (row === undefined) throw jobNotFound(jobId)
  return jobOf(row, now)
}
