import { sql, type Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import type { JobState } from './job.ts'

/** How many bulk jobs there are in a state, and how many lines a second of those that run are carried out. */
export interface BulkJobCount {
  readonly state: JobState
  readonly jobs: number
  readonly linesPerSecond: number
}

/** Counts the jobs that are kept, by state. */
export async function countBulkJobs(db: Kysely<DB>): Promise<BulkJobCount[]> {
  const { rows } = await sql<{ state: JobState; jobs: number; rate: number }>`/* bulk.count */
    select state, count(*)::integer as jobs,
      coalesce(sum(rate) filter (where state = 'running' and progressed > now() - interval '10 s'), 0)::float8 as rate
    from bulk_jobs group by state`.execute(db)
  return rows.map(({ state, jobs, rate }) => ({ state, jobs, linesPerSecond: rate }))
}
