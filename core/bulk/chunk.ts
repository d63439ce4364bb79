import { sql, type Kysely, type Transaction } from 'kysely'
import { isLockTimeout } from '../database/failure.ts'
import { LOST_RACE, retryOnSerializationFailure } from '../database/retry.ts'
import type { DB } from '../database/schema.ts'
import { inTransaction } from '../database/transaction.ts'
import {
  AssumedWrongly,
  areApart,
  holdsAfter,
  prepareBatch,
  type PreparedBatch,
  type PrepareOptions,
} from '../enrollment/prepare.ts'
import { failure, type Failure } from '../errors.ts'
import { batchOf, applyLines } from './apply-lines.ts'
import { withoutKeeping } from './dry-run.ts'
import type { BulkLine, LineOutcome } from './job.ts'
import { kindOf } from './kinds.ts'
import { countsOf, packOutcomes, unpackLines } from './pack.ts'
import type { ChunkContext } from './source.ts'

/** A chunk that is going to be carried out. */
export interface Chunk {
  readonly number: number
  readonly lines: readonly BulkLine[]
  /** What was decided before its transaction; undefined: nothing was. */
  readonly prepared: PreparedBatch | undefined
  /** Whether that still holds; otherwise it only says what the chunk is about. */
  readonly holds: boolean
}

/**
 * Reads the first chunk from a number on that is not done, and decides it, so that only its writing is left.
 *
 * @returns undefined: there is none.
 */
export async function prepareChunk(
  db: Kysely<DB>,
  context: ChunkContext,
  from: number,
  options: PrepareOptions,
): Promise<Chunk | undefined> {
  const { job, policy } = context
  const row = await selectChunks(db, job.id)
    .where('done', 'is', null)
    .where('number', '>=', from)
    .limit(1)
    .executeTakeFirst()
  if (row === undefined) return undefined
  const lines = linesOf(row)
  const isPlain = kindOf(job).carryOut === undefined && !job.is_dry_run
  const items = isPlain ? batchOf(faultless(lines), context) : []
  const prepared = items.length > 0 ? await prepareBatch(db, items, policy, options) : undefined
  return { number: row.number, lines, prepared, holds: true }
}

/** Chunks of a job, in order. */
export function selectChunks(db: Kysely<DB>, jobId: string) {
  return db
    .selectFrom('bulk_chunks')
    .select(['number', 'lines', 'faults', 'results', 'tries'])
    .where('job_id', '=', jobId)
    .orderBy('number')
}

type Fault = readonly [index: number, code: 'duplicateLine' | 'contradictingLine', line: number]

/** The lines of a chunk, with what is wrong with them beside others. */
export function linesOf({ lines: text, faults }: { readonly lines: string; readonly faults: unknown }): BulkLine[] {
  const lines = unpackLines(text)
  for (const [index, code, line] of (faults ?? []) as Fault[]) {
    const faulty = lines[index]
    if (faulty !== undefined) lines[index] = { ...faulty, error: failure(code, { line }) }
  }
  return lines
}

export function faultless(lines: readonly BulkLine[]): BulkLine[] {
  return lines.filter(({ item, error, plan }) => error === undefined && (item !== null || plan !== undefined))
}

/** Whether two chunks come to the same whatever the order in which they are carried out, and so at the same time. */
export function areChunksApart(one: Chunk, other: Chunk): boolean {
  return one.prepared !== undefined && other.prepared !== undefined && areApart(one.prepared, other.prepared)
}

/** Whether what was decided for a chunk still holds after another one was carried out. */
export function holdsAfterChunk(before: Chunk, { prepared }: Chunk): boolean {
  return prepared !== undefined && holdsAfter(before.prepared, prepared)
}

/** Thrown inside of a transaction whose job has ended, or whose chunk was done by somebody else: nothing of it is kept. */
export class ChunkGone extends Error {
  override readonly name = 'ChunkGone'
}

/**
 * Carries out a chunk, and writes its results and how far the job is, in one transaction: after whatever happens it is done as a
 * whole, or not at all.
 *
 * @returns how many of its lines have which outcome.
 * @throws {ChunkGone}
 */
export async function runChunk(db: Kysely<DB>, chunk: Chunk, context: ChunkContext): Promise<Record<string, number>> {
  let isHeld = false
  let prepared = chunk.holds ? chunk.prepared : undefined
  return retryOnSerializationFailure(db, async () => {
    try {
      return await inTransaction(db, async (trx) => {
        await lockChunk(trx, context.job.id, chunk.number)
        if (isHeld) await sql`select set_config('lock_timeout', ${HELD_WAIT_MS}, true)`.execute(trx)
        const outcomes = await outcomesOf(trx, chunk.lines, { ...context, prepared, leavesHeld: isHeld })
        await writeResults(trx, context.job.id, chunk.number, outcomes)
        const counts = countsOf(outcomes)
        await tellProgress(trx, context.job.id, outcomes.length, counts)
        return counts
      })
    } catch (error) {
      if (error instanceof AssumedWrongly) return LOST_RACE
      if (isLockTimeout(error)) isHeld = true
      throw error
    } finally {
      prepared = undefined
    }
  })
}

/** Milliseconds that each line waits for a row, once it is known that somebody holds one. */
const HELD_WAIT_MS = '20'

async function lockChunk(trx: Transaction<DB>, jobId: string, number: number): Promise<void> {
  const open = await trx
    .selectFrom('bulk_chunks')
    .select('number')
    .where('job_id', '=', jobId)
    .where('number', '=', number)
    .where('done', 'is', null)
    .forUpdate()
    .executeTakeFirst()
  if (open === undefined) throw new ChunkGone('Somebody else was faster')
}

export interface OutcomesOptions extends ChunkContext {
  readonly prepared?: PreparedBatch | undefined
  readonly leavesHeld: boolean
}

/** One outcome a line: of faulty ones their error. Of a dry run nothing is kept. */
export async function outcomesOf(
  trx: Transaction<DB>,
  lines: readonly BulkLine[],
  options: OutcomesOptions,
): Promise<LineOutcome[]> {
  const { job } = options
  const { carryOut } = kindOf(job)
  const good = faultless(lines)
  const work = (on: Transaction<DB>) => applyLines(on, good, { ...options, carryOut })
  const carried = job.is_dry_run ? await withoutKeeping(trx, job.id, good, work) : await work(trx)
  let next = 0
  const hasFault = new Set(lines).difference(new Set(good))
  return lines.map((line) => {
    if (hasFault.has(line)) return { ok: false, error: line.error ?? NO_ITEM }
    return carried[next++] ?? { ok: false, error: NO_ITEM }
  })
}

const NO_ITEM: Failure = failure('invalidLine', { problem: 'The line is empty.' })

export async function writeResults(
  trx: Transaction<DB>,
  jobId: string,
  number: number,
  outcomes: readonly LineOutcome[],
): Promise<void> {
  const failed = outcomes.filter(({ ok }) => !ok).length
  await sql`/* bulk.writeResults */
    update bulk_chunks set results = ${packOutcomes(outcomes)}, counts = ${JSON.stringify(countsOf(outcomes))}::jsonb,
      failed = ${failed}::integer, held = ${heldIn(outcomes)}::integer, done = coalesce(done, clock_timestamp())
    where job_id = ${jobId}::uuid and number = ${number}::integer`.execute(trx)
}

/** How many lines needed a row that somebody held. */
function heldIn(outcomes: readonly LineOutcome[]): number {
  return outcomes.filter((result) => !result.ok && result.error.code === 'unavailable').length
}

/** Milliseconds to wait for another chunk of the job that is being committed, which may take long on a slow disk. */
const PROGRESS_WAIT_MS = '5000'

/**
 * Counts lines of a job as done; last in its transaction, as all chunks of a job come by here.
 *
 * @param counts what is added; a result that became another one counts less than nothing.
 * @throws {ChunkGone} where the job has ended.
 */
export async function tellProgress(
  trx: Transaction<DB>,
  jobId: string,
  lines: number,
  counts: Readonly<Record<string, number>>,
): Promise<void> {
  const { numAffectedRows } = await sql`/* bulk.tellProgress */
    with lock_wait as materialized (select set_config('lock_timeout', ${PROGRESS_WAIT_MS}, true))
    update bulk_jobs set done = done + ${lines}::integer,
      counts = (
        select coalesce(jsonb_object_agg(key, total), '{}') from (
          select key, sum(value::integer) as total from (
            select key, value from jsonb_each_text(counts)
            union all select key, value from jsonb_each_text(${JSON.stringify(counts)}::jsonb)
          ) as each group by key having sum(value::integer) <> 0
        ) as summed
      ),
      rate = coalesce(rate * 0.8, 0) + case when rate is null then 1 else 0.2 end * ${lines}::integer
        / greatest(extract(epoch from clock_timestamp() - coalesce(progressed, started)), 0.001)::real,
      progressed = clock_timestamp(), failures = 0, last_error = null
    from lock_wait
    where id = ${jobId}::uuid and state = 'running'`.execute(trx)
  if (numAffectedRows !== 1n) throw new ChunkGone('The job has ended')
}
