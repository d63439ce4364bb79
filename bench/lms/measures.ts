import { mkdtemp, rm } from 'node:fs/promises'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { escapeIdentifier, type Pool } from 'pg'
import { compareCourseRuns } from '../../lms/compare/compare.ts'
import { lmsTables } from '../../lms/database/migrate.ts'
import { importEnrollments } from '../../lms/import/enrollments/index.ts'
import { importLms } from '../../lms/import/import-lms.ts'
import type { ImportReport } from '../../lms/import/report.ts'
import { openLmsSource } from '../../lms/source/source.ts'
import { migrateAll } from '../../server/migrations.ts'
import { startPostgres, type Postgres, type Store } from '../postgres.ts'

/** What one piece of work took. */
export interface LmsMeasurement {
  readonly name: string
  readonly seconds: number
  /** The most memory that the process had, in megabytes. */
  readonly megabytes: number
  /** Processes that wanted to run, over the last minute: above the number of processors the time says little. */
  readonly load: number
}

const NOTHING: ImportReport = { remark() {}, count() {} }

/**
 * Measures the import of an LMS (adoption.md §1, §2): accounts and course runs, enrollments, again, comparing, and a bare COPY of
 * the same rows into tables with the same indexes; then enrollments with their history, where it has one.
 *
 * @param url of the database of the LMS.
 */
export async function* measureLms(url: string, { history }: { history: boolean }): AsyncGenerator<LmsMeasurement> {
  await using postgres = await startPostgres()
  yield* measureInto(postgres, url, 'without history', { history: false })
  if (history) yield* measureInto(postgres, url, 'with history', { history: true })
}

async function* measureInto(
  postgres: Postgres,
  url: string,
  name: string,
  options: { history: boolean },
): AsyncGenerator<LmsMeasurement> {
  await using store = await postgres.createStore(name)
  await migrateAll(store.db, [lmsTables])
  const mode = { dryRun: false, prefer: 'here', now: new Date() } as const
  const enrollments = async () => {
    await using source = await openLmsSource(url, { snapshot: true })
    await importEnrollments(store.db, source, mode, NOTHING, options)
  }
  yield await measure(`accounts and course runs`, async () => {
    await using source = await openLmsSource(url, { snapshot: true })
    await importLms(store.db, source, { ...mode, report: NOTHING, history: false, only: ['users', 'courses', 'modes'] })
  })
  yield await measure(`enrollments ${name}`, enrollments)
  yield await measure(`enrollments ${name}, again`, enrollments)
  yield await measure(`compare ${name}`, async () => {
    await using source = await openLmsSource(url, { snapshot: true })
    const { runsDiffering } = await compareCourseRuns(store.db, source, 'all')
    if (runsDiffering.length > 0) throw new Error('What was imported does not agree')
  })
  yield* measureCopy(store, `COPY of the same rows ${name}`)
}

const TABLES = ['enrollments', 'enrollment_events', 'enrollment_attributes', 'enrollment_lms_ids']

/** The rows that an import has written, copied into empty tables with the same columns, indexes and checks. */
async function* measureCopy({ pool }: Store, name: string): AsyncGenerator<LmsMeasurement> {
  const directory = await mkdtemp(join(tmpdir(), 'enrollment-copy-'))
  try {
    await prepareCopies(pool, directory)
    yield await measure(name, async () => {
      for (const table of TABLES) await pool.query(`copy ${copyOf(table)} from '${join(directory, table)}'`)
    })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

function copyOf(table: string): string {
  return escapeIdentifier(`copy_of_${table}`)
}

async function prepareCopies(pool: Pool, directory: string): Promise<void> {
  for (const table of TABLES) {
    await pool.query(`copy ${table} to '${join(directory, table)}'`)
    await pool.query(`create table ${copyOf(table)} (like ${table} including all)`)
  }
}

async function measure(name: string, work: () => Promise<void>): Promise<LmsMeasurement> {
  let most = 0
  const look = () => {
    most = Math.max(most, process.memoryUsage.rss())
  }
  const timer = setInterval(look, 50)
  const started = performance.now()
  try {
    await work()
  } finally {
    clearInterval(timer)
  }
  look()
  const seconds = (performance.now() - started) / 1000
  return { name, seconds, megabytes: most / 2 ** 20, load: loadavg()[0] ?? 0 }
}
