import { createInterface } from 'node:readline/promises'
import type { BulkJob } from '../../../core/bulk/job.ts'
import { CommandError } from '../failure.ts'
import type { Session } from '../session.ts'
import { INTERRUPTED, write } from '../streams.ts'
import { followJob, type Following } from './follow.ts'
import { changedOf, endLines, exitCodeOf, failedOf, nextLines } from './job-lines.ts'
import { comeBack, followToEnd, isInteractive } from './with-jobs.ts'
import { number, sentence } from '../table.ts'

/** How a job is begun: what would happen is shown and asked about, unless somebody says otherwise. */
export interface StartOptions {
  readonly dryRun?: boolean
  readonly yes?: boolean
  readonly watch?: boolean
  readonly json?: boolean
}

/**
 * Makes sure that a job is begun by somebody who has seen what it would do, or says that nobody has to.
 *
 * @throws {CommandError} in a pipe without `--yes`, where nobody can be asked.
 */
export function checkMayBegin(session: Session, { dryRun, yes, json }: StartOptions): void {
  if (dryRun === true || yes === true || isInteractive(session, json)) return
  throw new CommandError(
    'Nothing was started: there is no terminal on which to ask. See what would happen with --dry-run; start it with --yes.',
  )
}

/** Begins a job, or its dry run. `plan`: the dry run that was agreed to. */
export type Begin = (how: { readonly dryRun: boolean; readonly plan: BulkJob | null }) => Promise<{ jobId: string }>

/** Begins a job, after its dry run and a question where that is asked for, and follows it. */
export async function beginJob(following: Following, options: StartOptions, begin: Begin): Promise<void> {
  const { session, json } = following
  let plan: BulkJob | null = null
  if (options.dryRun === true || options.yes !== true) {
    const { jobId } = await begin({ dryRun: true, plan: null })
    plan = await planned(following, jobId)
    if (plan === null || options.dryRun === true || !(await isWanted(following, plan))) return
  }
  const { jobId } = await begin({ dryRun: false, plan })
  if (options.watch === true || isInteractive(session, json)) {
    if (!json) session.stderr.write(sentence(session.stderr, `Job ${jobId}. Ctrl-C leaves it running.`))
    await followToEnd(following, jobId)
    return
  }
  await printStarted(following, jobId)
}

/** The dry run; null where Ctrl-C came first. */
async function planned(following: Following, jobId: string): Promise<BulkJob | null> {
  const { session, caller, json } = following
  const job = await followJob(following, jobId)
  if (job === null) {
    await caller.bulk.cancel({ jobId })
    session.exitCode = INTERRUPTED
    session.stderr.write('Nothing was started.\n')
    return null
  }
  session.exitCode = exitCodeOf(job)
  if (json) return job
  await write(session.stdout, endLines(session.stdout, job))
  session.stderr.write(nextLines(session.stderr, job))
  return job
}

/** Asks, where there is something to ask about. */
async function isWanted({ session, signal }: Following, plan: BulkJob): Promise<boolean> {
  if (plan.state !== 'done') return false
  const [changes, failed] = [changedOf(plan), failedOf(plan)]
  if (changes === 0) {
    session.stderr.write('Nothing would change, so nothing was started.\n')
    return false
  }
  const others = failed === 0 ? '' : `, and leave out the ${number(failed)} that fail`
  const question = `Change ${number(changes)} ${changes === 1 ? 'enrollment' : 'enrollments'}${others}? [y/N]`
  const answer = await ask(session, `${sentence(session.stderr, question).trimEnd()} `, signal)
  if (/^\s*y(es)?\s*$/i.test(answer)) return true
  session.exitCode = signal.aborted ? INTERRUPTED : 2
  session.stderr.write('Nothing was started.\n')
  return false
}

/** The answer; empty where none comes. */
async function ask({ stdin, stderr }: Session, question: string, signal: AbortSignal): Promise<string> {
  // Not as a terminal: Ctrl-C is a signal then, as everywhere else.
  const lines = createInterface({ input: stdin, output: stderr, terminal: false })
  const closed = new Promise<string>((resolve) => void lines.once('close', () => resolve('')))
  try {
    return await Promise.race([lines.question(question, { signal }), closed])
  } catch (error) {
    if (signal.aborted) return ''
    throw error
  } finally {
    lines.close()
    // It would keep the process alive.
    stdin.pause()
  }
}

/** A job that nobody follows: its id for scripts, and for people how to come back to it. */
export async function printStarted({ session, caller, json, signal }: Following, jobId: string): Promise<void> {
  if (json) {
    const { state } = await caller.bulk.get({ jobId })
    await write(session.stdout, `${JSON.stringify({ jobId, state })}\n`)
    return
  }
  await write(session.stdout, `${jobId}\n`)
  const enough = AbortSignal.any([signal, AbortSignal.timeout(BEGINS_MS)])
  for await (const { data } of caller.bulk.watch({ jobId }, { signal: enough })) {
    if (data.state !== 'queued') {
      session.stderr.write(comeBack(jobId))
      return
    }
  }
  session.stderr.write(
    `No server has begun with it yet: one has to run (npm start). It goes on as well while it is followed:\n  npm run cli -- bulk watch ${jobId}\n`,
  )
}

/** Milliseconds within which a server begins with a job. */
const BEGINS_MS = 3_000
