import { EventEmitter } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Logger as QueueLogger, run, type Runner, type WorkerEvents } from 'graphile-worker'
import type pg from 'pg'
import { BULK_TASK, queueSchema } from '../../../core/bulk/queue.ts'
import { workOnJob, type BulkContext } from '../../../core/bulk/work.ts'
import { openQueuePool } from './queue-pool.ts'

export interface BulkWorkerOptions extends Pick<BulkContext, 'db' | 'policy'> {
  /** Of the same database: the queue has a few connections of its own. */
  readonly connectionString: string
  readonly log: { error(fields: object, message: string): void; warn(fields: object, message: string): void }
}

/** Bulk jobs that a process works on at a time. */
const CONCURRENCY = 3

/** Milliseconds between two looks at the queue, where nobody can listen, e.g. behind a pooler. */
const POLL_MS = 500

/**
 * Works on bulk jobs until it is disposed of: then after the chunks that are being written. Any number of processes may do so.
 *
 * @throws where the database cannot be reached.
 */
export async function startBulkWorker({
  connectionString,
  log,
  db,
  policy,
}: BulkWorkerOptions): Promise<AsyncDisposable> {
  const end = new AbortController()
  const onError = (err: unknown, jobId: string) =>
    log.error({ err, jobId }, 'a bulk job went wrong, and is tried again')
  const context = { db, policy, signal: end.signal, onError }
  const pool = openQueuePool(connectionString, CONCURRENCY)
  const first = await begin(pool, context, log).catch(async (error: unknown) => {
    await pool.end()
    throw error
  })
  const kept = keepRunning(first, () => begin(pool, context, log), { log, signal: end.signal })
  return {
    async [Symbol.asyncDispose]() {
      end.abort()
      await kept
      await pool.end()
    },
  }
}

/** Milliseconds after which a queue that has stopped is begun again. */
const AGAIN_MS = 500

/**
 * Begins the queue again whenever it stops by itself, as it does where it cannot write down that work is done: the database was
 * away then.
 */
async function keepRunning(
  first: Runner,
  beginAgain: () => Promise<Runner>,
  { log, signal }: { readonly log: BulkWorkerOptions['log']; readonly signal: AbortSignal },
): Promise<void> {
  let runner: Runner | undefined = first
  const { promise: isOver, resolve } = Promise.withResolvers<void>()
  signal.addEventListener('abort', () => resolve(), { once: true })
  while (!signal.aborted) {
    await Promise.race([runner?.promise.catch(() => {}), isOver])
    if (signal.aborted) break
    await sleep(AGAIN_MS, undefined, { signal }).catch(() => {})
    runner = await beginAgain().catch((err: unknown) => {
      log.warn({ err }, 'the queue of bulk jobs cannot be begun again yet')
      return undefined
    })
  }
  await runner?.stop().catch(() => {})
}

async function begin(pool: pg.Pool, context: BulkContext, log: BulkWorkerOptions['log']): Promise<Runner> {
  const events: WorkerEvents = new EventEmitter()
  const looked = firstLook(events, context.signal)
  const runner = await run({
    pgPool: pool,
    // Whatever the environment says.
    schema: await queueSchema(context.db),
    concurrency: CONCURRENCY,
    pollInterval: POLL_MS,
    noHandleSignals: true,
    noPreparedStatements: true,
    parsedCronItems: [],
    // Otherwise nobody hears that writing down an end has failed, and Node.js ends the process.
    preset: { worker: { completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
    logger: new QueueLogger(() => (level, message) => {
      if (level === 'error') log.warn({ queue: message }, 'the queue of bulk jobs')
    }),
    taskList: {
      [BULK_TASK]: (payload) => workOnJob(context, (payload as { jobId: string }).jobId), // As `enqueue` writes it.
    },
    events,
  })
  try {
    await looked
    return runner
  } catch (error) {
    runner.promise.catch(() => {})
    await runner.stop().catch(() => {})
    throw error
  }
}

/**
 * Waits for the first look at the queue. What it is told of its tasks then is kept, also that it could not be told: it would say so
 * at each look, and never work.
 *
 * @throws what the look has failed with.
 */
function firstLook(events: WorkerEvents, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  events.once('worker:getJob:empty', () => resolve())
  events.once('job:start', () => resolve())
  events.once('worker:getJob:error', ({ error }) => reject(error))
  signal.addEventListener('abort', () => resolve(), { once: true })
  // Where the queue cannot even be begun nobody waits for it.
  promise.catch(() => {})
  return promise
}
