import { InvalidArgumentError, Option, type Command } from 'commander'
import { jobActions, type JobAction } from '../../../core/bulk/job.ts'
import { CommandError } from '../failure.ts'
import { collected } from '../option-values.ts'
import type { Session } from '../session.ts'
import { beginJob, checkMayBegin, type StartOptions } from './begin.ts'
import { checkFile, putUp } from './file.ts'
import { INTERRUPTED } from '../streams.ts'
import { withJobs } from './with-jobs.ts'

/** What is done with a file. */
export interface FileOptions extends StartOptions {
  readonly action: JobAction
  readonly course?: readonly string[] | undefined
  readonly maxRemovals?: number | string
  readonly removeFunded?: boolean
  readonly planFingerprint?: string
  readonly strict?: boolean
  readonly name?: string
  readonly reason?: string | undefined
}

/** `bulk start`: carries out a file (bulk.md §5). */
export function addStart(group: Command, session: Session): void {
  group
    .command('start')
    .summary('carry out a file of learners and course runs')
    .description(
      `Carries out a CSV file, one learner and course run a line. On a terminal it shows what would happen, asks, and follows the job;
elsewhere it needs --yes or --dry-run, and prints the id of the job. Columns: username, email or user_id; course_id; optionally mode,
is_active, cohort, enterprise_uuid, reason, ref, attribute:<namespace>:<name>. A list of learners without a header needs --course.`,
    )
    .argument('<file>', 'path of the file, or - for standard input')
    .addOption(new Option('--action <action>', 'what is done').choices(jobActions).default('enroll'))
    .option(
      '--course <key>',
      'course run of a file that names none, or whose roster it is (sync); may be repeated',
      collected,
    )
    .option('--dry-run', 'only show what would happen')
    .option('--yes', 'start without showing and asking')
    .option('--watch', 'follow the job to its end')
    .option('--strict', 'keep nothing when one line fails; up to 100 000 lines')
    .option('--name <text>', 'to know the job by')
    .option('--reason <text>', 'for the audit trail')
    .option('--max-removals <number>', 'sync: at most so many a course run, or a share as 10%', removals)
    .option('--remove-funded', 'sync: remove also those whom somebody else pays for')
    .option('--plan-fingerprint <text>', 'sync: only if the plan is still the one of this dry run')
    .option(
      '--json',
      'print one JSON object a line: the job as it goes on, or where it is not followed {"jobId", "state"}',
    )
    .addHelpText(
      'after',
      `
Examples:
  $ npm run cli -- bulk start learners.csv --reason "spring term"
  $ npm run cli -- bulk start learners.csv --dry-run
  $ npm run cli -- bulk start usernames.txt --course course-v1:edX+DemoX+2026
  $ npm run cli -- bulk start roster.csv --action sync --max-removals 20%
  $ JOB=$(npm run --silent cli -- bulk start learners.csv --yes)
  $ npm run --silent cli -- bulk start learners.csv --yes --watch --json | tail -1

It ends with 0 when all lines were done, with 1 when some failed, with 2 when nothing was started or the job could not go on.`,
    )
    .action((file: string, options: FileOptions) => startFile(session, file, options))
}

/** Carries out a file, or shows what would happen. */
export async function startFile(session: Session, file: string, options: FileOptions): Promise<void> {
  checkMayBegin(session, options)
  const { action, course: courseIds, maxRemovals, removeFunded, planFingerprint, reason, name } = options
  const isForSync = [maxRemovals, removeFunded, planFingerprint].some((each) => each !== undefined)
  if (isForSync && action !== 'sync') {
    throw new CommandError('--max-removals, --remove-funded and --plan-fingerprint are for --action sync.')
  }
  await checkFile(file, { action, course: courseIds?.[0] })
  await withJobs(session, options, async (following) => {
    const uploadId = await putUp(following, file)
    if (uploadId === null) {
      session.exitCode = INTERRUPTED
      session.stderr.write('Nothing was started.\n')
      return
    }
    const input = {
      source: { uploadId },
      action,
      failureMode: options.strict === true ? 'strict' : 'bestEffort',
      courseIds: courseIds && [...courseIds],
      limits: maxRemovals === undefined ? undefined : { maxRemovals },
      removeFunded: removeFunded === true,
      reason,
      name,
    } as const
    await beginJob(following, options, ({ dryRun, plan }) =>
      following.caller.bulk.start({ ...input, dryRun, planFingerprint: plan?.planFingerprint ?? planFingerprint }),
    )
  })
}

function removals(text: string): number | string {
  if (/^(100|[1-9]?\d)%$/.test(text)) return text
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It is a whole number, or a share from 0% to 100%.')
}
