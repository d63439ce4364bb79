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
  /** Called with the number of rows of the LMS that are done. */
  readonly onRows: (rows: number) => void
}
