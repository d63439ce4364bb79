import { plainCommand, type EnrollmentCommand } from '../../enrollment/command.ts'
import type { BulkLine } from '../job.ts'

/** What a batch did to an enrollment, from its first event of it to its last. */
export interface UndonePlan {
  readonly userId: string
  /** The enrollment as it was before the first; null: the batch made it. */
  readonly before: { readonly mode: string; readonly isActive: boolean } | null
  /** That the last one left. */
  readonly lastVersion: number
  /** Somebody else changed it between two events of the batch: what they did would be lost. */
  readonly isMixed: boolean
}

/** A change that is undone, with the names of its enrollment. */
export interface UndoneChange extends UndonePlan {
  readonly username: string
  readonly courseId: string
}

/** The line of a job that takes a change back. */
export function undoLine({ username, courseId, ...plan }: UndoneChange, line: number): BulkLine {
  return { line, item: { username, courseId, ...(plan.before ?? { isActive: false }) }, plan }
}

/**
 * The command that takes a change back (bulk.md §4): only at the version that the batch left. An enrollment that the batch made
 * is deactivated in its mode.
 */
export function undoCommand(
  { userId, before, lastVersion }: UndonePlan,
  courseId: string,
  reason: string | null,
): EnrollmentCommand {
  const after = before ?? { mode: null, isActive: false }
  return {
    ...plainCommand,
    ...after,
    learner: { userId },
    courseId,
    path: 'restore',
    expectedVersion: lastVersion,
    reason,
  }
}
