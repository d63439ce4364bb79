import { setTimeout as sleep } from 'node:timers/promises'
import { sql, type Kysely } from 'kysely'
import { coalescedRead } from '../database/coalesced-read.ts'
import type { DB } from '../database/schema.ts'
import type { TrackedPage } from '../tracked.ts'
import type { BulkJob } from './job.ts'
import { jobIdOf, jobNotFound, jobOf, readJobRow, type JobRow } from './row.ts'

/** Milliseconds between two looks at a job: its end is told at once. */
const LOOK_MS = 100

/** Milliseconds between two answers, unless the second is the last. */
const SPACE_MS = 250

/**
 * Follows a job until it ends (bulk.md §1): as it is now, and then as it becomes, at most four times a second; its end at once.
 *
 * @param db a pool.
 * @throws {EnrollmentError} `jobNotFound`
 */
export async function* watchJob(
  db: Kysely<DB>,
  jobId: string,
  signal: AbortSignal,
): AsyncGenerator<TrackedPage<BulkJob>, void, void> {
  const id = jobIdOf(jobId)
  let row = await readJobRow(db, id)
  for (;;) {
    const told = placeOf(row)
    const earliest = performance.now() + SPACE_MS
    yield { items: [{ id: told, data: jobOf(row, new Date()) }], id: told }
    if (row.ended !== null) return
    let next: JobRow | undefined = row
    while (next.ended === null && (placeOf(next) === told || performance.now() < earliest)) {
      await sleep(LOOK_MS, undefined, { signal, ref: false }).catch(() => {})
      if (signal.aborted) return
      next = await readShared(db, id)
      if (next === undefined) throw jobNotFound(jobId)
    }
    row = next
  }
}

/** What is another after each change that is told. */
function placeOf({ state, phase, total, done, last_error: error }: JobRow): string {
  return [state, phase, total ?? '', done, error === null ? '' : 'error'].join('-')
}

/** All who watch jobs on a pool share their looks. */
const readShared = coalescedRead<JobRow>(async (db, ids) => {
  const rows = await db
    .selectFrom('bulk_jobs')
    .selectAll()
    .where('id', '=', sql<string>`any(${[...ids]}::uuid[])`)
    .execute()
  return new Map(rows.map((row) => [row.id, row]))
})
