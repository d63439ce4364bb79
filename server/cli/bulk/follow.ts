import yoctoSpinner from 'yocto-spinner'
import type { BulkJob } from '../../../core/bulk/job.ts'
import { isLeased } from '../../../core/bulk/queue.ts'
import type { Database } from '../../../core/database/open.ts'
import type { Caller } from '../../../routers/caller.ts'
import type { Session } from '../session.ts'
import { write } from '../streams.ts'
import { progressLine, progressParts } from './job-lines.ts'
import { startWorkerHere } from './worker.ts'

/** What a command works with that follows jobs. */
export interface Following {
  readonly session: Session
  readonly caller: Caller
  readonly db: Database
  readonly connectionString: string
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal
  readonly json: boolean
}

/**
 * Follows a job to its end: a bar on a terminal, otherwise a line now and then, or with `json` the job as one object a line. Where
 * no other process works on it, this one does.
 *
 * @returns the job as it is at the end; null: Ctrl-C came first, and the job goes on wherever a server runs.
 */
export async function followJob(following: Following, jobId: string): Promise<BulkJob | null> {
  const { session, caller, signal, json } = following
  using shown = showJob(session, { json })
  await using worker = workerWhereNobodyWorks(following)
  let last: BulkJob | null = null
  for await (const { data: job } of caller.bulk.watch({ jobId }, { signal })) {
    last = job
    worker.seen(job)
    await shown.show(job)
  }
  return last === null || last.endedAt === null ? null : last
}

interface Shown extends Disposable {
  show(job: BulkJob): Promise<void>
}

/** Milliseconds between lines in a pipe: they are read in logs. */
const SPACE_MS = 5_000

function showJob({ stdout, stderr }: Session, { json }: { readonly json: boolean }): Shown {
  if (json) {
    return { show: (job) => write(stdout, `${JSON.stringify(job)}\n`), [Symbol.dispose]() {} }
  }
  if (stderr.isTTY === true) {
    const spinner = yoctoSpinner({ stream: stderr, handleSignals: false, text: '' }).start()
    return {
      async show(job) {
        spinner.text = progressLine(job, stderr.columns)
      },
      [Symbol.dispose]: () => void spinner.stop(),
    }
  }
  let shownAt = -Infinity
  return {
    async show(job) {
      const now = performance.now()
      if (job.endedAt !== null || now - shownAt < SPACE_MS) return
      shownAt = now
      await write(stdout, `${progressParts(job).join(', ')}\n`)
    },
    [Symbol.dispose]() {},
  }
}

/** Milliseconds without a step after which nobody seems to work on a job; a server begins within two seconds. */
const IDLE_MS = { queued: 3_000, running: 20_000 }

interface IdleWorker extends AsyncDisposable {
  /** A job has moved. */
  seen(job: BulkJob): void
}

function workerWhereNobodyWorks({ session, db, connectionString, json }: Following): IdleWorker {
  let timer: NodeJS.Timeout | undefined
  let worker: Promise<AsyncDisposable> | undefined
  let isOver = false
  let steps = 0
  const begin = async (job: BulkJob) => {
    const at = steps
    // A large file is read for minutes without a step. Who cannot be asked does not work on it.
    const isAtWork = await isLeased(db, job.jobId).catch(() => false)
    if (isOver || steps !== at) return
    if (isAtWork) return wait(job)
    if (!json) session.stderr.write(HERE)
    worker ??= startWorkerHere(session, connectionString)
    worker.catch(() => {}) // Whoever disposes of it hears of it.
  }
  const wait = (job: BulkJob) => {
    timer = setTimeout(() => void begin(job), job.state === 'queued' ? IDLE_MS.queued : IDLE_MS.running)
  }
  return {
    seen(job) {
      clearTimeout(timer)
      steps += 1
      if (worker !== undefined || job.endedAt !== null) return
      wait(job)
    },
    async [Symbol.asyncDispose]() {
      isOver = true
      clearTimeout(timer)
      await (await worker)?.[Symbol.asyncDispose]()
    },
  }
}

const HERE = 'No server works on it, so this process does, as long as it is followed.\n'
