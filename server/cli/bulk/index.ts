import type { Command } from 'commander'
import type { Session } from '../session.ts'
import { addCancel, addGet, addList, addRetryFailed, addUndo, addWatch } from './job-commands.ts'
import { addResults } from './results.ts'
import { addStart } from './start.ts'

/** `bulk …`: files of many lines, started, followed, corrected and undone (bulk.md §5). */
export function addBulk(program: Command, session: Session): void {
  const group = program
    .command('bulk')
    .summary('enroll from files: start, follow, correct, undo')
    .description(
      `Carries out files of any length as jobs of the server: see what would happen, start, leave and come back, read why a line
failed, correct it and send it again, or undo all of it. A job is named by its id, by the beginning of it, or as "last".`,
    )
    .addHelpText(
      'after',
      `
Examples:
  $ npm run cli -- bulk start learners.csv --reason "spring term"
  $ npm run cli -- bulk watch last
  $ npm run cli -- bulk results last --only-failed --output failed.csv
  $ npm run cli -- bulk start failed.csv
  $ npm run cli -- bulk undo 3f2a`,
    )
  addStart(group, session)
  addWatch(group, session)
  addGet(group, session)
  addList(group, session)
  addResults(group, session)
  addCancel(group, session)
  addRetryFailed(group, session)
  addUndo(group, session)
}
