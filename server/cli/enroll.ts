import type { Command } from 'commander'
import type { Outcome } from '../../core/enrollment/command.ts'
import type { LearnerRef } from '../../core/learner/ref.ts'
import { callContextOf } from '../../routers/call.ts'
import { callerOf } from '../../routers/caller.ts'
import { enrollmentErrorFrom } from '../../routers/errors.ts'
import { withDatabase, type Session } from './session.ts'
import { write } from './streams.ts'

interface Options {
  readonly username?: string
  readonly email?: string
  readonly userId?: string
  readonly course?: string
  readonly mode?: string
  readonly inactive?: boolean
  readonly update?: boolean
  readonly force?: boolean
  readonly reason?: string
  readonly json?: boolean
}

/** `enroll`: enrolls one learner in one course run, under all rules. */
export function addEnroll(program: Command, session: Session): void {
  const command = program.command('enroll')
  command
    .summary('enroll a learner in a course run')
    .description('Enrolls one learner in one course run, under all rules of enrollment. Repeating it changes nothing.')
    .argument('[username]', 'of the learner')
    .argument('[course]', 'key of the course run')
    .option('--username <name>', 'the learner by username')
    .option('--email <address>', 'the learner by e-mail address')
    .option('--user-id <id>', 'the learner by id')
    .option('--course <key>', 'key of the course run')
    .option('--mode <slug>', 'mode of enrollment; without it the default mode of the course run')
    .option('--inactive', 'leave the enrollment inactive')
    .option('--update', 'where the learner is enrolled already, make mode and activation as asked')
    .option('--force', 'past window and invitation; never past the number of seats')
    .option('--reason <text>', 'for the audit trail')
    .option('--json', 'print one JSON object: the outcome, or the error')
    .addHelpText(
      'after',
      `
Examples:
  $ npm run cli -- enroll bob course-v1:edX+DemoX+2026
  $ npm run cli -- enroll --email bob@example.com --course course-v1:edX+DemoX+2026 --mode verified
  $ npm run cli -- enroll --user-id 17 --course edX/DemoX/Demo_Course --force --reason "ticket 4711"
  $ npm run cli -- enroll bob course-v1:edX+DemoX+2026 --inactive --update`,
    )
    .action(async (first: string | undefined, second: string | undefined, options: Options) => {
      const { learner, courseId } = whoAndWhere(command, first, second, options)
      await enrollOne(session, learner, courseId, options)
    })
}

/** The learner is named once, the course run is named once, and both by an argument or by an option. */
function whoAndWhere(
  command: Command,
  first: string | undefined,
  second: string | undefined,
  { username, email, userId, course }: Options,
): { learner: LearnerRef; courseId: string } {
  const isNamedByOption = [username, email, userId].some((name) => name !== undefined)
  // A lone argument beside an option for the learner is the course run.
  const [name, key] = isNamedByOption && second === undefined ? [undefined, first] : [first, second]
  const learners: LearnerRef[] = []
  for (const each of [name, username]) if (each !== undefined) learners.push({ username: each })
  if (email !== undefined) learners.push({ email })
  if (userId !== undefined) learners.push({ userId })
  const [learner] = learners
  if (learner === undefined || learners.length > 1) {
    return command.error('error: name the learner once: by username, --email or --user-id', { exitCode: 2 })
  }
  const keys = [key, course].flatMap((each) => each ?? [])
  const [courseId] = keys
  if (courseId === undefined || keys.length > 1) {
    return command.error('error: name the course run once: as the argument after the learner, or by --course', {
      exitCode: 2,
    })
  }
  return { learner, courseId }
}

async function enrollOne(session: Session, learner: LearnerRef, courseId: string, options: Options): Promise<void> {
  const { policy } = session.config()
  const input = {
    ...learner,
    courseId,
    mode: options.mode,
    isActive: options.inactive !== true,
    whenEnrolled: options.update === true ? 'update' : 'keep',
    force: options.force === true,
    reason: options.reason,
  } as const
  try {
    const outcome = await withDatabase(session, (db) =>
      callerOf(callContextOf({ db, policy, actor: { kind: 'system', name: 'cli' } }, 'cli')).enrollment.enroll(input),
    )
    await write(session.stdout, `${options.json === true ? JSON.stringify(outcome) : describe(outcome)}\n`)
  } catch (error) {
    const refused = enrollmentErrorFrom(error)
    if (refused === undefined || refused.code === 'unavailable') throw refused ?? error
    session.exitCode = 1
    if (options.json === true) await write(session.stdout, `${JSON.stringify({ error: refused.failure })}\n`)
    else session.stderr.write(`${refused.message}\n`)
  }
}

function describe({ kind, enrollment, before }: Outcome): string {
  const { username, courseId, mode, isActive } = enrollment
  const state = `${mode}${isActive ? '' : ', inactive'}`
  const words = {
    created: `${username} is enrolled in ${courseId} now (${state}).`,
    reactivated: `${username} is enrolled in ${courseId} again (${state}).`,
    deactivated: `${username} is no longer enrolled in ${courseId} (${state}).`,
    modeChanged: `${username} has changed from ${before?.mode} to ${mode} in ${courseId}.`,
    unchanged: `Nothing has changed: ${username} has been enrolled in ${courseId} before (${state}).`,
  }
  return words[kind]
}
