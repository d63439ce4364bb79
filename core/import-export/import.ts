import type { Kysely, Transaction } from 'kysely'
import { isSerializationFailure, isUniqueViolation } from '../database/failure.ts'
import { waitPatiently } from '../database/lock-wait.ts'
import { connectionsOf } from '../database/own-pools.ts'
import { LOST_RACE, retryOnSerializationFailure } from '../database/retry.ts'
import type { DB } from '../database/schema.ts'
import { inTransaction, withSavepoint } from '../database/transaction.ts'
import type { Actor, CallMetadata } from '../enrollment/command.ts'
import { EnrollmentError, failure } from '../errors.ts'
import { addWindow, noCounts, takenBack, type ImportCounts, type WindowOutcome } from './counts.ts'
import { importAccounts } from './import-accounts.ts'
import { importAllowances } from './import-allowances.ts'
import { importCohortMembers, importCohortPreassignments, importCohorts } from './import-cohorts.ts'
import { importCourses, importEmbargoRules, importModes } from './import-courses.ts'
import { importEmailOptIns } from './import-email-opt-ins.ts'
import { importEmbargoAddresses, importEmbargoCountries } from './import-embargo.ts'
import { importEnrollments } from './import-enrollments.ts'
import { importManualEnrollments } from './import-manual-enrollments.ts'
import { importRetirementRequests, importRetirements } from './import-retirements.ts'
import { importRoles } from './import-roles.ts'
import type { ExtensionLineType, GroupContext, GroupImporter, LineFailure, NumberedLine } from './group-importer.ts'
import { lineFormat, lineTypes, type LineOf, type LineType } from './lines.ts'
import { ALONE, OutOfTurn, writeOverlapping, type Turn } from './overlap.ts'
import { readWindows, windowOfObjects, type Window } from './window.ts'

export interface ImportOptions {
  /** Keep nothing when one line is bad. */
  readonly strict: boolean
  readonly now: Date
  readonly actor: Actor
  /** The types of lines of extensions; they may refer to what stands before them in this list and to all types of the core. */
  readonly further?: readonly ExtensionLineType[] | undefined
  /** Called for each bad line, in the order of the file. */
  readonly onFailure?: ((failure: LineFailure) => void) | undefined
  /** Called after each piece of the file. */
  readonly onProgress?: ((progress: ImportProgress) => void) | undefined
}

export interface ImportProgress {
  /** Of the file, so far. */
  readonly bytes: number
  readonly lines: number
  readonly failed: number
}

/**
 * Imports newline-delimited JSON (run §4), each line as an upsert by its natural key. Bad lines are reported and the
 * others kept; with `strict` everything is kept or nothing. The file is read and written in pieces, so that memory does
 * not grow with it, and without `strict` each piece is a transaction of its own. Of two pieces with other enrollments, the later one
 * may be kept though the one before it throws.
 *
 * @param db the pool, or a transaction, which is then joined.
 * @param source the file in pieces of any size.
 * @throws {EnrollmentError} `unavailable` when other writers were always faster.
 */
export async function importLines(
  db: Kysely<DB>,
  source: AsyncIterable<Uint8Array | string>,
  options: ImportOptions,
): Promise<ImportCounts> {
  if (!options.strict) return importAll(db, source, options)
  return withSavepoint(db, async (trx) => {
    // It reads a file that cannot be read again.
    if (!db.isTransaction) await waitPatiently(trx, db)
    const counts = await importAll(trx, source, options)
    if (counts.failed === 0) return { keep: true, value: counts }
    return { keep: false, value: takenBack(counts) }
  })
}

/**
 * Imports a window of lines that are objects already, as {@link importLines} does, in the transaction of the caller.
 *
 * @param lines up to some thousands; failures name them by their places in the list, from 1.
 * @throws what the database throws; the transaction has to be rolled back then, and begun again after {@link isLostRace}.
 */
export function importObjects(
  trx: Transaction<DB>,
  lines: readonly unknown[],
  { now, actor, further = [] }: Pick<ImportOptions, 'now' | 'actor' | 'further'>,
): Promise<WindowOutcome> {
  const window = windowOfObjects(lines, lineFormat(further))
  return importGroups(trx, window, [...coreImporters, ...further], {
    metadata: { actor, via: 'cli', now },
    turn: ALONE,
  })
}

/** PostgreSQL is what an import waits for. */
const WINDOWS_AT_ONCE = 2

async function importAll(
  db: Kysely<DB>,
  source: AsyncIterable<Uint8Array | string>,
  { now, actor, further = [], onFailure, onProgress }: ImportOptions,
): Promise<ImportCounts> {
  const metadata: CallMetadata = { actor, via: 'cli', now }
  const importers = [...coreImporters, ...further]
  const counts = noCounts()
  const windows = readWindows(source, lineFormat(further))
  // A transaction has one connection, which does one thing after another.
  const atOnce = db.isTransaction ? 1 : Math.min(WINDOWS_AT_ONCE, connectionsOf(db).limit || WINDOWS_AT_ONCE)
  const write = (window: Window, turn: Turn) => importWindow(db, window, importers, { metadata, turn })
  for await (const { window, outcome } of writeOverlapping(windows, atOnce, write)) {
    for (const bad of outcome.failures) onFailure?.(bad)
    addWindow(counts, outcome)
    onProgress?.({ bytes: window.bytes, lines: counts.lines, failed: counts.failed })
  }
  return counts
}

async function importWindow(
  db: Kysely<DB>,
  window: Window,
  importers: readonly Importer[],
  context: Pick<GroupContext, 'metadata' | 'turn'>,
): Promise<WindowOutcome> {
  return retryOnSerializationFailure(db, async () => {
    try {
      return await inTransaction(db, (trx) => importGroups(trx, window, importers, context))
    } catch (cause) {
      if (cause instanceof OutOfTurn) {
        await context.turn.othersEnd()
        return LOST_RACE
      }
      if (!isLostRace(cause)) throw cause
      // The caller's transaction cannot go on.
      if (db.isTransaction) throw new EnrollmentError(failure('unavailable', {}), { cause })
      return LOST_RACE
    }
  })
}

/** Another writer was faster. The unique index may be that of the e-mail addresses: once it is read again, all is clear. */
export function isLostRace(error: unknown): boolean {
  return isSerializationFailure(error) || isUniqueViolation(error)
}

/**
 * Writes lines of one type together, wherever in the window they stand, so that a file that mixes its types is as fast as one
 * that does not. The result is that of the order of the file: types that others refer to come first, and a line that stands
 * before the one that adds what it refers to fails (see `Added`).
 */
async function importGroups(
  trx: Transaction<DB>,
  { groups, ...window }: Window,
  importers: readonly Importer[],
  { metadata, turn }: Pick<GroupContext, 'metadata' | 'turn'>,
): Promise<WindowOutcome> {
  const added = { accounts: new Map(), courses: new Map(), others: new Map() }
  const context: GroupContext = { metadata, turn, added, arrived: new Map() }
  const failures = [...window.failures]
  const written: WindowOutcome['groups'][number][] = []
  for (const { type, importGroup } of importers) {
    const lines = groups.get(type)
    if (lines === undefined) continue
    // The schema of this very type has read them.
    const outcome = await importGroup(trx, lines as readonly NumberedLine<never>[], context)
    failures.push(...outcome.failures)
    written.push({ type, lines: lines.length, outcome })
  }
  return { lines: window.lines, failures: failures.toSorted((a, b) => a.line - b.line), groups: written }
}

type Importer = Pick<ExtensionLineType, 'type' | 'importGroup'>

const importersOfTypes: { [T in LineType]: GroupImporter<LineOf<T>> } = {
  user: importAccounts,
  course: importCourses,
  mode: importModes,
  role: importRoles,
  cohort: importCohorts,
  allowance: importAllowances,
  enrollment: importEnrollments,
  cohortMember: importCohortMembers,
  cohortPreassignment: importCohortPreassignments,
  emailOptIn: importEmailOptIns,
  manualEnrollment: importManualEnrollments,
  retirement: importRetirements,
  retirementRequest: importRetirementRequests,
  embargo: importEmbargoRules,
  embargoCountry: importEmbargoCountries,
  embargoAddress: importEmbargoAddresses,
}

const coreImporters: readonly Importer[] = lineTypes.map((type) => ({ type, importGroup: importersOfTypes[type] }))
