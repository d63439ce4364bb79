import { sql, type Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import { exportLines, type ExportOptions } from '../../core/import-export/export.ts'
import type { ImportCounts } from '../../core/import-export/counts.ts'
import { importLines } from '../../core/import-export/import.ts'
import type { ExtensionLineType } from '../../core/import-export/group-importer.ts'
import type { LineFailure } from '../../core/import-export/group-importer.ts'
import { rowsOfTables } from './tables.ts'

export const IMPORT_NOW = new Date('2026-03-01T12:00:00.000Z')

interface Imported extends ImportCounts {
  failures: LineFailure[]
}

interface ImportSettings {
  strict?: boolean
  now?: Date
  further?: readonly ExtensionLineType[]
}

/** Imports lines, given as objects or as raw text. */
export async function importAll(
  db: Kysely<DB>,
  lines: readonly (object | string)[],
  { strict = false, now = IMPORT_NOW, further }: ImportSettings = {},
): Promise<Imported> {
  const failures: LineFailure[] = []
  const text = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n')
  const counts = await importLines(db, pieces(text), {
    strict,
    now,
    actor: { kind: 'system', name: 'import' },
    further,
    onFailure: (failure) => failures.push(failure),
  })
  return { ...counts, failures }
}

/** Cuts text into pieces of a size that no line has. */
export async function* pieces(text: string, size = 1000): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text)
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size)
}

/** The whole export as one text. */
export async function exportAll(
  db: Kysely<DB>,
  further?: readonly ExtensionLineType[],
  options?: ExportOptions,
): Promise<string> {
  return (await Array.fromAsync(exportLines(db, further, options))).join('')
}

/** Takes away all that an import writes. */
export async function empty(db: Kysely<DB>): Promise<void> {
  await sql`truncate learners, courses, enrollments, enrollment_events, enrollment_allowances, enrollment_lms_ids, embargo_countries,
    embargo_addresses restart identity cascade`.execute(db)
}

/** Every row of every table that an import writes to, in a form to compare. */
export function everything(db: Kysely<DB>): Promise<Record<string, unknown[]>> {
  return rowsOfTables(db, [
    'learners',
    'courses',
    'course_modes',
    'roles',
    'cohorts',
    'enrollment_allowances',
    'enrollments',
    'enrollment_attributes',
    'enrollment_events',
    'enrollment_lms_ids',
    'cohort_members',
    'cohort_preassignments',
    'email_optins',
    'manual_enrollments',
    'retirements',
    'retirement_requests',
    'embargo_rules',
    'embargo_countries',
    'embargo_addresses',
  ])
}
