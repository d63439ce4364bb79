import { sql, type Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'

/** What the queue calls work on a bulk job. */
export const BULK_TASK = 'bulk'

/** The schema that the tables of the queue are in. */
export async function queueSchema(db: Kysely<DB>): Promise<string> {
  const { rows } = await sql<{ schema: string }>`/* bulk.queueSchema */ select bulk_queue_schema() as schema`.execute(
    db,
  )
  const [{ schema } = { schema: '' }] = rows
  return schema
}

/**
 * Has a job worked on, by whichever process comes to it first, after all others that wait: in a transaction once that has
 * committed. A job waits once, however often this is asked for.
 *
 * @param delayMs not before so many milliseconds.
 */
export async function enqueue(db: Kysely<DB>, jobId: string, delayMs = 0): Promise<void> {
  await sql`/* bulk.enqueue */ select bulk_enqueue(${BULK_TASK}, ${jobId}::uuid, ${delayMs}::float8)`.execute(db)
}

/** Whether jobs wait that could be worked on now. */
export async function hasWaitingJobs(db: Kysely<DB>): Promise<boolean> {
  const { rows } = await sql`/* bulk.waiting */
    select from bulk_queue where locked_at is null and run_at <= now() and attempts < max_attempts limit 1`.execute(db)
  return rows.length > 0
}

/** Milliseconds after which others take a job over from a process that says nothing any more. */
export const LEASE_MS = 8_000

/**
 * Has jobs worked on whose process is gone: one that was killed cannot give them back to the queue.
 *
 * @returns the ids of the jobs.
 */
export async function enqueueAbandoned(db: Kysely<DB>): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`/* bulk.abandoned */
    select j.id from bulk_jobs j
    left join bulk_queue q on q.key = ${BULK_TASK} || ':' || j.id
    where j.state in ('queued', 'running') and (j.leased_until is null or j.leased_until < now())
      and (q.key is null or q.locked_at < now() - ${LEASE_MS}::float8 * interval '1 millisecond')`.execute(db)
  for (const { id } of rows) await enqueue(db, id)
  return rows.map(({ id }) => id)
}

/** Whether some process says that it works on a job. */
export async function isLeased(db: Kysely<DB>, jobId: string): Promise<boolean> {
  const { rows } = await sql`/* bulk.isLeased */
    select from bulk_jobs where id = ${jobId}::uuid and leased_until > now()`.execute(db)
  return rows.length > 0
}

/**
 * Says that this process works on a job for a while yet.
 *
 * @returns whether the job has not ended.
 */
export async function lease(db: Kysely<DB>, jobId: string): Promise<boolean> {
  const { numAffectedRows } = await sql`/* bulk.lease */
    update bulk_jobs set leased_until = clock_timestamp() + ${LEASE_MS}::float8 * interval '1 millisecond'
    where id = ${jobId}::uuid and state = 'running'`.execute(db)
  return numAffectedRows === 1n
}
