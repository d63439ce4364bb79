import type { CommandGroup } from '../../server/cli/command-group.ts'
import { addCompare } from './compare.ts'
import { addExport } from './export.ts'
import { addImport } from './import.ts'
import { addStatus } from './status.ts'
import { addOwner } from './owner.ts'
import { addMirror } from './mirror.ts'

/** `lms …`: taking an LMS over, keeping in step with it, and going back. */
export const lmsCommands: CommandGroup = (program, session) => {
  const lms = program.command('lms').summary('take an LMS over, keep in step with it, go back')
  addImport(lms, session)
  addStatus(lms, session)
  addOwner(lms, session, null)
  addCompare(lms, session)
  addMirror(lms, session)
  addExport(lms, session)
}
