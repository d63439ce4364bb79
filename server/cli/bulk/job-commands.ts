import { Option, type Command } from 'commander'
import { jobStates, type BulkJob, type JobState } from '../../../core/bulk/job.ts'
import { enrollmentErrorFrom } from '../../../routers/errors.ts'
import { withCaller } from '../caller.ts'
import { limitOption } from '../option-values.ts'
import type { Session } from '../session.ts'
import { write } from '../streams.ts'
import { beginJob, checkMayBegin, printStarted, type StartOptions } from './begin.ts'
import type { Following } from './follow.ts'
import { jobIdNamed } from './job-id.ts'
import { jobLines, jobText } from './job-lines.ts'
import { followToEnd, isInteractive, withJobs } from './with-jobs.ts'

interface Json {
  readonly json?: boolean
}

const WHICH = 'of the job, the beginning of it, or "last"'
const WHICH_KEPT = `${WHICH} (which is no dry run)`

/** `bulk watch`: follows a job to its end. */
export function addWatch(group: Command, session: Session): void {
  group
    .command('watch')
    .summary('follow a job to its end')
    .description(
      'Follows a job to its end. Ctrl-C leaves it running. Where no server runs, the job goes on as long as it is followed.',
    )
    .argument('<id>', WHICH)
    .option('--json', 'print one JSON object a line: the job as it goes on')
    .addHelpText('after', '\nExample:\n  $ npm run cli -- bulk watch last')
    .action((name: string, options: Json) =>
      withJobs(session, options, async (following) => {
        await followToEnd(following, await jobIdNamed(following.db, name))
      }),
    )
}

/** `bulk get`: shows a job. */
export function addGet(group: Command, session: Session): void {
  group
    .command('get')
    .summary('show a job')
    .description('Shows a job: how far it is, how many lines came out how, and what went wrong.')
    .argument('<id>', WHICH)
    .option('--json', 'print one JSON object: the job')
    .addHelpText('after', '\nExample:\n  $ npm run cli -- bulk get last')
    .action(async (name: string, { json }: Json) => {
      const read = async (caller: Following['caller'], db: Following['db']) =>
        caller.bulk.get({ jobId: await jobIdNamed(db, name) })
      await print(session, await withCaller(session, read, 'read'), json)
    })
}

/** `bulk list`: lists jobs. */
export function addList(group: Command, session: Session): void {
  group
    .command('list')
    .summary('list jobs, the newest first')
    .addOption(new Option('--state <state>', 'only these').choices(jobStates))
    .addOption(limitOption(20))
    .option('--json', 'print one JSON object a line')
    .addHelpText('after', '\nExample:\n  $ npm run cli -- bulk list --state running')
    .action(async ({ state, limit, json }: Json & { readonly state?: JobState; readonly limit: number }) => {
      const jobs = await withCaller(session, ({ bulk }) => listed(bulk, state, limit), 'read')
      const text =
        json === true ? jobs.map((job) => `${JSON.stringify(job)}\n`).join('') : jobLines(session.stdout, jobs)
      await write(session.stdout, text)
    })
}

async function listed(
  bulk: Following['caller']['bulk'],
  state: JobState | undefined,
  wanted: number,
): Promise<BulkJob[]> {
  const jobs: BulkJob[] = []
  for (let cursor: string | null | undefined; cursor !== null && jobs.length < wanted;) {
    const page = await bulk.list({ state, cursor, limit: Math.min(wanted - jobs.length, 1_000) })
    jobs.push(...page.items)
    cursor = page.nextCursor
  }
  return jobs
}

/** `bulk cancel`: ends a job where it is. */
export function addCancel(group: Command, session: Session): void {
  group
    .command('cancel')
    .summary('end a job where it is')
    .description('Ends a job where it is. What is done stays done: bulk undo takes it back.')
    .argument('<id>', WHICH)
    .option('--json', 'print one JSON object: the job')
    .addHelpText('after', '\nExample:\n  $ npm run cli -- bulk cancel last')
    .action(async (name: string, { json }: Json) => {
      const cancel = async (caller: Following['caller'], db: Following['db']) =>
        caller.bulk.cancel({ jobId: await jobIdNamed(db, name) })
      await print(session, await withCaller(session, cancel), json)
    })
}

async function print({ stdout }: Session, job: BulkJob, json: boolean | undefined): Promise<void> {
  await write(stdout, json === true ? `${JSON.stringify(job)}\n` : jobText(stdout, job))
}

/** `bulk retry-failed`: carries out the failed lines of a job again. */
export function addRetryFailed(group: Command, session: Session): void {
  group
    .command('retry-failed')
    .summary('carry out the failed lines of a job again')
    .description(
      `Starts a new job of the lines that failed, as they are: for what has been put right in the meantime. To correct the lines
themselves, take them as a file: bulk results ID --only-failed --output failed.csv.`,
    )
    .argument('<id>', WHICH_KEPT)
    .option('--watch', 'follow the job to its end')
    .option(
      '--json',
      'print one JSON object a line: the job as it goes on, or where it is not followed {"jobId", "state"}',
    )
    .addHelpText('after', '\nExample:\n  $ npm run cli -- bulk retry-failed last --watch')
    .action((name: string, options: Json & { readonly watch?: boolean }) =>
      withJobs(session, options, async (following) => {
        const { caller, db, json } = following
        const { jobId } = await caller.bulk.retryFailed({ jobId: await jobIdNamed(db, name, { isKept: true }) })
        if (options.watch === true || isInteractive(session, json)) await followToEnd(following, jobId)
        else await printStarted(following, jobId)
      }),
    )
}

/** `bulk undo`: takes back what a job did. */
export function addUndo(group: Command, session: Session): void {
  group
    .command('undo')
    .summary('take back what a job or a batch did')
    .description(
      `Sets each enrollment that a job changed to what it was before; one that has changed since is left alone and reported. It is a
job itself, and can be undone. The id may also be that of another batch, as events name it.`,
    )
    .argument('<id>', `${WHICH_KEPT}; or of a batch`)
    .option('--dry-run', 'only show what would happen')
    .option('--yes', 'start without showing and asking')
    .option('--watch', 'follow the job to its end')
    .option(
      '--json',
      'print one JSON object a line: the job as it goes on, or where it is not followed {"jobId", "state"}',
    )
    .addHelpText('after', '\nExamples:\n  $ npm run cli -- bulk undo last --dry-run\n  $ npm run cli -- bulk undo last')
    .action(async (name: string, options: StartOptions) => {
      checkMayBegin(session, options)
      await withJobs(session, options, async (following) => {
        const id = await jobIdNamed(following.db, name, { isKept: true })
        await beginJob(following, options, ({ dryRun }) => undo(following, id, dryRun))
      })
    })
}

/** Every job is a batch, but not every batch is a job. */
async function undo({ caller: { bulk } }: Following, id: string, dryRun: boolean): Promise<BulkJob> {
  try {
    return await bulk.undo({ jobId: id, dryRun })
  } catch (error) {
    if (enrollmentErrorFrom(error)?.code !== 'jobNotFound') throw error
    return bulk.undo({ batchId: id, dryRun })
  }
}
