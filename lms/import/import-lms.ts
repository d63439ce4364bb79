import type { Kysely } from 'kysely'
import { waitPatiently } from '../../core/database/lock-wait.ts'
import type { DB } from '../../core/database/schema.ts'
import { inTransaction, withSavepoint } from '../../core/database/transaction.ts'
import type { ExtensionLineType } from '../../core/import-export/group-importer.ts'
import { lineTypes } from '../../core/import-export/lines.ts'
import type { LmsDB } from '../database/schema.ts'
import type { LmsSource } from '../source/source.ts'
import type { ImportContext, KeyRange } from './context.ts'
import { importEnrollments } from './enrollments/index.ts'
import { readCourseKeys } from './course-keys.ts'
import { remarkMovedRoles } from './moved-roles.ts'
import type { ImportMode, ImportReport } from './report.ts'
import type { Group, Subject } from './subject.ts'
import { subjectsAfter, subjectsBefore } from './subjects/index.ts'
import { syncSubject } from './sync-subject.ts'

export interface ImportLmsOptions extends ImportMode {
  readonly report: ImportReport
  /** The types of lines of extensions: what has none of them is not imported. */
  readonly further?: readonly ExtensionLineType[]
  /** Only these; otherwise all. */
  readonly only?: readonly Group[] | undefined
  /** Whether the history of enrollments comes along, as events with their instants and actors. */
  readonly history: boolean
  /** Only rows whose keys, whole numbers, are in these ranges, bounds included. */
  readonly ranges?: readonly KeyRange[] | undefined
  /** Called with the number of rows of the LMS that are done since the call before. */
  readonly onRows?: (rows: number) => void
}

/**
 * Brings what an LMS knows over (adoption.md §1). Each piece is a transaction of its own, so that an import that was ended goes on
 * where it was; a dry run is one transaction that is taken back.
 *
 * @param db a pool.
 * @param source with a snapshot.
 */
export async function importLms(db: Kysely<DB>, source: LmsSource, options: ImportLmsOptions): Promise<void> {
  const isWanted = (group: Group) => options.only?.includes(group) ?? true
  await takenBackIf(options.dryRun, db, async (handle) => {
    await syncSubjects(
      handle,
      source,
      subjectsBefore.filter(({ group }) => isWanted(group)),
      options,
    )
    if (isWanted('enrollments')) await bringEnrollments(handle, source, options)
    await syncSubjects(
      handle,
      source,
      subjectsAfter.filter(({ group }) => isWanted(group)),
      options,
    )
  })
  if (isWanted('roles')) await remarkMovedRoles(source, options.report)
}

/**
 * Brings one table in step with the LMS, as {@link importLms} does: what is new, changed and gone there. Costs little where
 * nothing has changed: the rows are read and compared with what was imported before.
 *
 * @param table by its name in the LMS; one that is not imported is an error of the program.
 */
export async function syncTable(
  db: Kysely<DB>,
  source: LmsSource,
  table: string,
  options: Omit<ImportLmsOptions, 'only' | 'history'>,
): Promise<void> {
  const subjects = [...subjectsBefore, ...subjectsAfter].filter((subject) => subject.table === table)
  if (subjects.length === 0) throw new TypeError(`No rows of ${table} are imported`)
  await takenBackIf(options.dryRun, db, (handle) => syncSubjects(handle, source, subjects, options))
}

/** The tables that {@link syncTable} knows, in the order in which they are to be brought in step. */
export const importedTables: readonly string[] = [
  ...new Set([...subjectsBefore, ...subjectsAfter].map(({ table }) => table)),
]

function bringEnrollments(
  db: Kysely<DB>,
  source: LmsSource,
  { prefer, now, report, history, onRows }: ImportLmsOptions,
): Promise<void> {
  let done = 0
  const onProgress = (rows: number) => {
    onRows?.(rows - done)
    done = rows
  }
  // In a dry run all of it is taken back, so that what follows finds the enrollments that it is about.
  const mode = { dryRun: false, prefer, now }
  return importEnrollments(db.$extendTables<Pick<LmsDB, keyof LmsDB>>(), source, mode, report, { history, onProgress })
}

async function syncSubjects(
  db: Kysely<DB>,
  source: LmsSource,
  subjects: readonly Subject[],
  { report, prefer, now, further = [], ranges, onRows = () => {} }: Omit<ImportLmsOptions, 'only' | 'history'>,
): Promise<void> {
  const types = new Set<string>([...lineTypes, ...further.map(({ type }) => type)])
  const actor = { kind: 'system', name: 'lms' } as const
  const context = { prefer, now, actor, further, report, ranges, onRows }
  let courses: ImportContext['courses'] | undefined
  for (const subject of subjects) {
    if (!types.has(subject.type)) continue
    // Course runs that were just brought are among them.
    if (courses === undefined || subject.group !== 'courses') courses = await readCourseKeys(db)
    await syncSubject(db, source, subject, { ...context, courses })
  }
}

function takenBackIf(isTakenBack: boolean, db: Kysely<DB>, work: (db: Kysely<DB>) => Promise<void>): Promise<void> {
  if (!isTakenBack) return work(db)
  return withSavepoint(db, async (trx) => {
    if (!db.isTransaction) await waitPatiently(trx, db)
    await inTransaction(trx, work)
    return { keep: false, value: undefined }
  })
}
