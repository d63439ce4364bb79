import { sql, type Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import type { Policy } from '../policy.ts'
import { chunkEnd, writeChunk } from './chunks.ts'
import type { BulkLine } from './job.ts'
import { kindOf } from './kinds.ts'
import type { JobRow } from './row.ts'
import type { SourcePage } from './source.ts'
import { checkStrictSize } from './strict.ts'

/**
 * Reads the source of a job and writes its chunks; while one is written the next one is read. After an interruption it begins
 * again, and chunks that are there stay.
 *
 * @returns how many lines it has.
 * @throws {EnrollmentError} where there is nothing that can be read; what the signal was aborted with.
 */
export async function readSource(
  db: Kysely<DB>,
  job: JobRow,
  { signal, policy }: { readonly signal: AbortSignal; readonly policy: Policy },
): Promise<number> {
  const { source } = kindOf(job)
  const known = source.isStable ? await countChunks(db, job.id) : await removeChunks(db, job.id)
  const isOfFile = comparesLines(job)
  let [number, total] = [0, 0]
  let lines: BulkLine[] = []
  let writing: Promise<void> = Promise.resolve()
  const flush = async (chunk: readonly BulkLine[]) => {
    await writing
    signal.throwIfAborted()
    // What is lost when PostgreSQL falls is read again: the next phase is written down behind all of it.
    if (number >= known) writing = writeChunk(db, job.id, chunk, { number, isOfFile, isKept: false })
    // It is awaited before the next one.
    writing.catch(() => {})
    number += 1
    total += chunk.length
    checkStrictSize(job, total)
  }
  for await (const page of source.read(db, job, signal, policy)) {
    await noteOf(db, job.id, page)
    lines = lines.length === 0 ? [...page.lines] : lines.concat(page.lines)
    for (let end = chunkEnd(lines); end !== null; end = chunkEnd(lines)) {
      await flush(lines.slice(0, end))
      lines = lines.slice(end)
    }
  }
  if (lines.length > 0) await flush(lines)
  await writing
  return total
}

/** Whether lines about one learner and course run are looked for: those of a file, whose order means nothing. */
export function comparesLines({ source, action }: Pick<JobRow, 'source' | 'action'>): boolean {
  return (source === 'csv' || source === 'upload') && action !== 'sync'
}

async function countChunks(db: Kysely<DB>, jobId: string): Promise<number> {
  const { count } = await db
    .selectFrom('bulk_chunks')
    .select(sql<number>`count(*)::integer`.as('count'))
    .where('job_id', '=', jobId)
    .executeTakeFirstOrThrow()
  return count
}

async function removeChunks(db: Kysely<DB>, jobId: string): Promise<number> {
  await db.deleteFrom('bulk_chunks').where('job_id', '=', jobId).execute()
  return 0
}

async function noteOf(db: Kysely<DB>, jobId: string, page: SourcePage): Promise<void> {
  const { header, warnings, planFingerprint } = page
  if (header === undefined && warnings === undefined && planFingerprint === undefined) return
  await db
    .updateTable('bulk_jobs')
    .set({
      ...(header === undefined ? {} : { header: JSON.stringify(header) }),
      ...(warnings === undefined ? {} : { warnings: JSON.stringify(warnings) }),
      ...(planFingerprint === undefined ? {} : { plan_fingerprint: planFingerprint }),
    })
    .where('id', '=', jobId)
    .execute()
}
