import type { Command } from 'commander'
import type { LearnerRef } from '../../core/learner/ref.ts'
import { startFile } from './bulk/start.ts'
import { printResult } from './caller.ts'
import { outcomeLine } from './enrollment-lines.ts'
import type { Session } from './session.ts'
import { learnerAndCourseNamed, withLearnerAndCourse, type NamedOptions } from './who.ts'

interface Options extends NamedOptions {
  readonly mode?: string
  readonly inactive?: boolean
  readonly update?: boolean
  readonly force?: boolean
  readonly reason?: string
  readonly json?: boolean
  readonly csv?: string
  readonly dryRun?: boolean
  readonly yes?: boolean
  readonly watch?: boolean
}

/** `enroll`: enrolls one learner in one course run, under all rules. */
export function addEnroll(program: Command, session: Session): void {
  const command = withLearnerAndCourse(program.command('enroll'))
  command
    .summary('enroll a learner in a course run')
    .description('Enrolls one learner in one course run, under all rules of enrollment. Repeating it changes nothing.')
    .option('--mode <slug>', 'mode of enrollment; without it the default mode of the course run')
    .option('--inactive', 'leave the enrollment inactive')
    .option('--update', 'where the learner is enrolled already, make mode and activation as asked')
    .option('--force', 'past window and invitation; never past the number of seats')
    .option('--reason <text>', 'for the audit trail')
    .option('--json', 'print one JSON object: the outcome, or the error')
    .option('--csv <file>', 'a file of learners instead: the same as bulk start, with these four')
    .option('--dry-run', 'with --csv: only show what would happen')
    .option('--yes', 'with --csv: start without showing and asking')
    .option('--watch', 'with --csv: follow the job to its end')
    .addHelpText(
      'after',
      `
Examples:
  $ npm run cli -- enroll bob course-v1:edX+DemoX+2026
  $ npm run cli -- enroll --email bob@example.com --course course-v1:edX+DemoX+2026 --mode verified
  $ npm run cli -- enroll --user-id 17 --course edX/DemoX/Demo_Course --force --reason "ticket 4711"
  $ npm run cli -- enroll bob course-v1:edX+DemoX+2026 --inactive --update
  $ npm run cli -- enroll --csv learners.csv --reason "spring term"`,
    )
    .action(async (first: string | undefined, second: string | undefined, options: Options) => {
      if (options.csv !== undefined) {
        await enrollFile(command, session, [first, second], options)
        return
      }
      const { learner, courseId } = learnerAndCourseNamed(command, first, second, options)
      await enrollOne(session, learner, courseId, options)
    })
}

async function enrollOne(session: Session, learner: LearnerRef, courseId: string, options: Options): Promise<void> {
  const input = {
    ...learner,
    courseId,
    mode: options.mode,
    isActive: options.inactive !== true,
    whenEnrolled: options.update === true ? 'update' : 'keep',
    force: options.force === true,
    reason: options.reason,
  } as const
  await printResult(session, ({ enrollment }) => enrollment.enroll(input), { json: options.json, text: outcomeLine })
}

/** `enroll --csv` is `bulk start`: what else is said of a single learner has no place. */
async function enrollFile(
  command: Command,
  session: Session,
  named: readonly (string | undefined)[],
  options: Options,
): Promise<void> {
  const { csv = '', username, email, userId, mode, inactive, update, force, course, ...others } = options
  const single = [...named, username, email, userId, mode, inactive, update, force]
  if (single.some((each) => each !== undefined)) {
    command.error('error: --csv takes learners, modes and the rest from the file: leave them out', { exitCode: 2 })
  }
  await startFile(session, csv, { action: 'enroll', course: course === undefined ? undefined : [course], ...others })
}
