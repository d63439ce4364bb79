import type { Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import {
  exportAccounts,
  exportEmailOptIns,
  exportRetirementRequests,
  exportRetirements,
  exportRoles,
} from './export-accounts.ts'
import { exportCohortMembers, exportCohortPreassignments, exportCohorts } from './export-cohorts.ts'
import { exportCourses, exportModes } from './export-courses.ts'
import { exportEmbargoAddresses, exportEmbargoCountries, exportEmbargoRules } from './export-embargo.ts'
import { exportAllowances, exportEnrollments } from './export-enrollments.ts'
import { exportManualEnrollments } from './export-manual-enrollments.ts'
import type { ExtensionLineType } from './group-importer.ts'

/**
 * Exports everything that the import format holds (run §4), as it is at one instant: what a line refers to stands before
 * it, and rows of one type stand in the order in which they were added. Importing the lines into an empty database keeps
 * that order, so that it exports the same bytes again.
 *
 * @param db the pool, or a transaction, whose view of the data is then taken.
 * @param the types of lines of extensions, in an order in which each refers only to those before it.
 * @param options.history whether the events of all enrollments are written, and not only of those that have come with theirs.
 * @returns pieces of whole lines, each with its line end. Memory does not grow with the data.
 */
export async function* exportLines(
  db: Kysely<DB>,
  further: readonly ExtensionLineType[] = [],
  options: ExportOptions = {},
): AsyncGenerator<string> {
  if (db.isTransaction) {
    yield* exportAll(db, further, options)
    return
  }
  const trx = await db.startTransaction().setIsolationLevel('repeatable read').setAccessMode('read only').execute()
  try {
    yield* exportAll(trx, further, options)
  } finally {
    // Nothing was written; this also ends the transaction of a reader who stops in the middle.
    await trx.rollback().execute()
  }
}

export interface ExportOptions {
  readonly history?: boolean | undefined
}

async function* exportAll(
  db: Kysely<DB>,
  further: readonly ExtensionLineType[],
  { history = false }: ExportOptions,
): AsyncGenerator<string> {
  yield* exportAccounts(db)
  yield* exportCourses(db)
  yield* exportModes(db)
  yield* exportRoles(db)
  yield* exportCohorts(db)
  yield* exportAllowances(db)
  yield* exportEnrollments(db, history)
  yield* exportCohortMembers(db)
  yield* exportCohortPreassignments(db)
  yield* exportEmailOptIns(db)
  yield* exportManualEnrollments(db)
  yield* exportRetirements(db)
  yield* exportRetirementRequests(db)
  yield* exportEmbargoRules(db)
  yield* exportEmbargoCountries(db)
  yield* exportEmbargoAddresses(db)
  for (const type of further) yield* type.exportLines(db)
}
