import type { BulkJob } from '../../../core/bulk/job.ts'
import { withCaller } from '../caller.ts'
import type { Session } from '../session.ts'
import { INTERRUPTED, takeInterrupt, write } from '../streams.ts'
import { followJob, type Following } from './follow.ts'
import { endLines, exitCodeOf, nextLines } from './job-lines.ts'

/** Works on jobs, which may be followed; Ctrl-C asks the work to stop. */
export async function withJobs<T>(
  session: Session,
  { json = false }: { readonly json?: boolean | undefined },
  work: (following: Following) => Promise<T>,
): Promise<T> {
  using interrupt = takeInterrupt()
  return await withCaller(session, (caller, db, connectionString) =>
    work({ session, caller, db, connectionString, signal: interrupt.signal, json }),
  )
}

/** Follows a job to its end, says how it ended, and sets what the command ends with. */
export async function followToEnd(following: Following, jobId: string): Promise<BulkJob | null> {
  const { session, json } = following
  const job = await followJob(following, jobId)
  if (job === null) {
    session.exitCode = INTERRUPTED
    session.stderr.write(comeBack(jobId))
    return null
  }
  session.exitCode = exitCodeOf(job)
  if (!json) await write(session.stdout, endLines(session.stdout, job))
  if (!json) session.stderr.write(nextLines(session.stderr, job))
  return job
}

/** A job was started, and nobody waits for it. */
export function comeBack(jobId: string): string {
  return `The job goes on wherever a server runs. Come back with:\n  npm run cli -- bulk watch ${jobId}\n`
}

/** Whether somebody sits in front of it who can be asked. */
export function isInteractive({ stdin, stdout, stderr }: Session, json: boolean | undefined): boolean {
  return json !== true && stdin.isTTY === true && stdout.isTTY === true && stderr.isTTY === true
}
