import { sql, type Kysely } from 'kysely'
import { instantFromDate } from '../../../core/database/instant.ts'
import { wakeReaders } from '../../../core/event/wake.ts'
import type { LmsDB } from '../../database/schema.ts'
import type { LmsRow, LmsSource } from '../../source/source.ts'
import type { ImportMode, ImportReport } from '../report.ts'
import { actorsOf, type Actors } from './actors.ts'
import { bringRows, type BringOptions } from './bring-rows.ts'
import { courseRunFinder } from './course-runs.ts'
import { tryRows, withPlannedRuns } from './dry-run.ts'
import { keepSequenceAbove } from './ids.ts'
import { keepAside, type AsideRow } from './keep-aside.ts'
import { ENROLLMENT_COLUMNS, ENROLLMENTS } from './lms-enrollment.ts'
import { completeRows, historyOfGone, type ReadRows } from './read-lms.ts'
import { reportAside, reportBrought } from './report-page.ts'

/** Rows of a page; the history of an enrollment has several, and three pages are in memory at a time. */
const PAGE_SIZE = { plain: 3_000, withHistory: 1_500 }

/** Pages that are written at the same time, each in a transaction: PostgreSQL is what an import waits for. */
const PAGES_AT_ONCE = 2

export interface EnrollmentImportOptions {
  /** Whether the history comes along, as events with their instants and actors. */
  readonly history: boolean
  /** Called after each page, with the rows of the LMS so far. */
  readonly onProgress?: (rows: number) => void
}

/**
 * Brings the enrollments of the LMS here, with ids, attributes and history (adoption.md §1), after its accounts and course
 * runs. Each page is kept by itself: an import that was ended goes on where it was.
 *
 * @param source reads the LMS, best in one snapshot.
 * @throws {EnrollmentError} `unavailable` where a page lost against other transactions each time.
 */
export async function importEnrollments(
  db: Kysely<LmsDB>,
  source: LmsSource,
  mode: ImportMode,
  report: ImportReport,
  { history, onProgress }: EnrollmentImportOptions,
): Promise<void> {
  if ((await source.columns(ENROLLMENTS)).size === 0) return
  const actors = actorsOf(source)
  const options = await optionsOf(db, source, mode, actors)
  if (!mode.dryRun) await keepSequenceAbove(db, await highestId(source))
  const read = readPages(db, source, history)
  // A transaction has one connection, which does one thing after another.
  const pages = db.isTransaction ? read : readAhead(read)
  let rows = 0
  let reported = Promise.resolve()
  const bringPage = async ({ enrollments, orphans }: ReadRows, before: Promise<void>) => {
    await actors.know(enrollments.flatMap((row) => row.history.map(({ userId }) => userId)))
    const brought = await (mode.dryRun ? tryRows : bringRows)(db, enrollments, options)
    // The report has its lines in the order of the table.
    await before
    reportBrought(report, brought)
    await leaveAside(
      db,
      mode,
      report,
      orphans.map((row) => ({ ...row, why: 'its enrollment is gone' })),
    )
    rows += enrollments.length
    onProgress?.(rows)
  }
  const bringInOrder = (page: ReadRows) => (reported = bringPage(page, reported))
  await forEachOf(pages, db.isTransaction ? 1 : PAGES_AT_ONCE, bringInOrder)
  if (history) await leaveGoneAside(db, source, mode, report)
  if (!mode.dryRun) wakeReaders(db)
}

async function optionsOf(
  db: Kysely<LmsDB>,
  source: LmsSource,
  { prefer, now, dryRun }: ImportMode,
  { actorOf }: Actors,
): Promise<BringOptions> {
  const find = await courseRunFinder(db)
  const { rows } = await sql<{ any: boolean }>`select exists (select from lms_rows_aside) as any`.execute(db)
  return {
    source,
    find: dryRun ? await withPlannedRuns(find, source) : find,
    prefer,
    now: instantFromDate(now),
    actorOf,
    isImported: true,
    onlyOwnedByLms: false,
    keepsAside: true,
    takesBack: rows[0]?.any === true,
  }
}

async function highestId(source: LmsSource): Promise<number> {
  const [row] = await source.query<{ id: number | string | null }>(`select max(id) as id from ${ENROLLMENTS}`)
  return Number(row?.id ?? 0)
}

/** Pages of the table with all that belongs to them; the last one has what is behind it too. */
async function* readPages(db: Kysely<LmsDB>, source: LmsSource, history: boolean): AsyncGenerator<ReadRows> {
  const size = history ? PAGE_SIZE.withHistory : PAGE_SIZE.plain
  let after = 0
  for await (const page of source.pages(ENROLLMENTS, { key: 'id', columns: ENROLLMENT_COLUMNS, size })) {
    const upTo = Number(page.at(-1)?.['id'])
    yield await completeRows(source, page, { after, upTo }, history ? await unknownIds(db, page, after, upTo) : [])
    after = upTo
  }
  yield await completeRows(source, [], { after, upTo: null }, [])
}

/** The ids of rows that were not brought before: only their history is wanted. */
async function unknownIds(db: Kysely<LmsDB>, page: readonly LmsRow[], after: number, upTo: number): Promise<number[]> {
  const known = await db
    .selectFrom('enrollment_lms_ids')
    .select('lms_id')
    .where('lms_id', '>', after)
    .where('lms_id', '<=', upTo)
    .execute()
  const ids = new Set(known.map((row) => row.lms_id))
  return page.map((row) => Number(row['id'])).filter((id) => !ids.has(id))
}

/** Reads the next page while the one before it is written. */
async function* readAhead<T>(pages: AsyncGenerator<T>): AsyncGenerator<T> {
  try {
    let next = pages.next()
    for (;;) {
      const { done, value } = await next
      if (done === true) return
      next = pages.next()
      next.catch(() => {}) // It is heard when it is waited for.
      yield value
    }
  } finally {
    await pages.return(undefined)
  }
}

/** Does the work for each, for so many at a time; what one of them throws is thrown once the others have ended. */
async function forEachOf<T>(all: AsyncIterable<T>, atOnce: number, work: (one: T) => Promise<void>): Promise<void> {
  const running = new Set<Promise<void>>()
  const failures: unknown[] = []
  for await (const one of all) {
    const done = work(one)
      .catch((error: unknown) => void failures.push(error))
      .finally(() => running.delete(done))
    running.add(done)
    if (running.size >= atOnce) await Promise.race(running)
    if (failures.length > 0) break
  }
  await Promise.all(running)
  if (failures.length > 0) throw failures[0]
}

async function leaveAside(
  db: Kysely<LmsDB>,
  { dryRun }: ImportMode,
  report: ImportReport,
  rows: readonly AsideRow[],
): Promise<void> {
  if (!dryRun) await keepAside(db, rows)
  reportAside(report, rows)
}

async function leaveGoneAside(
  db: Kysely<LmsDB>,
  source: LmsSource,
  mode: ImportMode,
  report: ImportReport,
): Promise<void> {
  for await (const page of historyOfGone(source)) {
    await leaveAside(
      db,
      mode,
      report,
      page.map((row) => ({ ...row, why: 'its enrollment is gone' })),
    )
  }
}
