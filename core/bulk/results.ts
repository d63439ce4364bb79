import { sql, type Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import type { Page } from '../webhook/read.ts'
import { CHUNK_CHARACTERS, charactersOf } from './chunks.ts'
import { placeOf, resultCursor, type ResultPlace } from './cursor.ts'
import type { BulkLine, BulkResult, LineOutcome } from './job.ts'
import { unpackLines, unpackOutcomes } from './pack.ts'
import { readJobRow, type JobRow } from './row.ts'

export interface ResultsOptions {
  readonly onlyFailed: boolean
  /** Kinds of outcomes and codes of errors; undefined: all. */
  readonly codes?: readonly string[] | undefined
  /** Of the page before. */
  readonly cursor?: string | undefined
  readonly limit: number
}

/**
 * Reads results of a job in the order of its lines: of those chunks that are done, and of these only the ones in which something
 * is that is asked for. A page of long lines has fewer of them.
 *
 * @throws {EnrollmentError} `jobNotFound`
 */
export async function readResults(
  db: Kysely<DB>,
  jobId: string,
  { cursor, limit, ...filter }: ResultsOptions,
): Promise<Page<BulkResult>> {
  const job = await readJobRow(db, jobId)
  const items: BulkResult[] = []
  let characters = 0
  for await (const { place, result } of resultsFrom(db, job, filter, placeOf(cursor))) {
    const isFull = items.length === limit || characters >= CHUNK_CHARACTERS
    if (isFull) return { items, nextCursor: resultCursor(place) }
    items.push(bulkResult(job, result))
    characters += charactersOf(result.line)
  }
  return { items, nextCursor: null }
}

/** A line with what became of it. */
export interface LineResult {
  readonly line: BulkLine
  readonly outcome: LineOutcome
}

type ResultFilter = Pick<ResultsOptions, 'onlyFailed' | 'codes'>

interface PlacedResult {
  readonly place: ResultPlace
  readonly result: LineResult
}

/**
 * All results of a job from a place on, a chunk in memory at a time; the cells of a file are among them.
 *
 * @returns each with its own place.
 */
export async function* resultsFrom(
  db: Kysely<DB>,
  job: Pick<JobRow, 'id'>,
  filter: ResultFilter,
  from: ResultPlace = placeOf(undefined),
): AsyncGenerator<PlacedResult, void, void> {
  for await (const page of placedPages(db, job, filter, from)) yield* page
}

/** The same by chunks, without those in which nothing is that is asked for. */
export async function* resultPages(
  db: Kysely<DB>,
  job: Pick<JobRow, 'id'>,
  filter: ResultFilter,
): AsyncGenerator<LineResult[], void, void> {
  for await (const page of placedPages(db, job, filter, placeOf(undefined))) yield page.map(({ result }) => result)
}

async function* placedPages(
  db: Kysely<DB>,
  job: Pick<JobRow, 'id'>,
  { onlyFailed, codes }: ResultFilter,
  from: ResultPlace,
): AsyncGenerator<PlacedResult[], void, void> {
  const wanted = codes && new Set(codes)
  let { chunk, lines: passed } = from
  for (;;) {
    const row = await nextChunk(db, job.id, chunk, { onlyFailed, codes })
    if (row === undefined) return
    if (row.number !== chunk) passed = 0
    const outcomes = unpackOutcomes(row.results ?? '[]')
    const cells = row.cells === null ? [] : (JSON.parse(row.cells) as string[][])
    const page: PlacedResult[] = []
    for (const [index, line] of unpackLines(row.lines).entries()) {
      const outcome = outcomes[index]
      if (index < passed || outcome === undefined || (onlyFailed && outcome.ok)) continue
      if (wanted?.has(outcome.ok ? outcome.outcome.kind : outcome.error.code) === false) continue
      // Whoever is not on a roster is in its file neither.
      const own = cells[index]?.length === 0 ? undefined : cells[index]
      page.push({
        place: { chunk: row.number, lines: index },
        result: { line: own === undefined ? line : { ...line, cells: own }, outcome },
      })
    }
    if (page.length > 0) yield page
    chunk = row.number + 1
    passed = 0
  }
}

/** The first chunk from this one on in which something is that is asked for. */
async function nextChunk(db: Kysely<DB>, jobId: string, from: number, { onlyFailed, codes }: ResultFilter) {
  let query = db
    .selectFrom('bulk_chunks')
    .select(['number', 'lines', 'cells', 'results'])
    .where('job_id', '=', jobId)
    .where('number', '>=', from)
    .where('done', 'is not', null)
    .orderBy('number')
    .limit(1)
  if (onlyFailed) query = query.where('failed', '>', 0)
  if (codes !== undefined) query = query.where(sql<boolean>`counts ?| ${[...codes]}::text[]`)
  return query.executeTakeFirst()
}

/** A result as callers see it. */
export function bulkResult({ header }: Pick<JobRow, 'header'>, { line, outcome }: LineResult): BulkResult {
  const place = line.ref === undefined ? { line: line.line } : { line: line.line, ref: line.ref }
  const input = line.cells === undefined ? line.item : namedCells(header as string[] | null, line.cells)
  if (outcome.ok) return { ...place, input, ok: true, outcome: outcome.outcome }
  return { ...place, input, ok: false, error: outcome.error }
}

/** The cells of a line by their columns; cells beyond the last column by their number. */
function namedCells(header: readonly string[] | null, cells: readonly string[]): Record<string, string> {
  return Object.fromEntries(cells.map((cell, index) => [header?.[index] ?? `column ${index + 1}`, cell]))
}
