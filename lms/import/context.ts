import type { Actor } from '../../core/enrollment/command.ts'
import type { ExtensionLineType } from '../../core/import-export/group-importer.ts'
import type { CourseKeys } from './course-keys.ts'
import type { ImportMode, ImportReport } from './report.ts'

/** What rows are imported with. */
export interface ImportContext {
  readonly prefer: ImportMode['prefer']
  readonly now: Date
  readonly actor: Actor
  /** The types of lines of extensions. */
  readonly further: readonly ExtensionLineType[]
  readonly courses: CourseKeys
  readonly report: ImportReport
  /** Only rows whose keys, whole numbers, are in these ranges, bounds included; all of them unless given. */
  readonly ranges?: readonly KeyRange[] | undefined
  /** Called with the number of rows of the LMS that are done. */
  readonly onRows: (rows: number) => void
}

/** Keys from the first to the second, both included. */
export type KeyRange = readonly [from: number, to: number]
