import { setTimeout as sleep } from 'node:timers/promises'

/** A piece of background work, which is repeated as long as the server runs. Each process of a server has its own loop. */
export interface WorkerStep {
  /** What the log calls it. */
  readonly name: string
  /** The consumer of the feed whose work it is, by the name under which its failures are counted. */
  readonly consumer?: string | undefined
  /**
   * Does a part of the work. Several processes may do so at the same time.
   *
   * @param signal is aborted when the server stops: work of many parts ends after the one that runs.
   * @returns whether there is more to do at once.
   */
  run(signal: AbortSignal): Promise<boolean>
  /** Milliseconds to wait when nothing is left to do; 1 000 unless given. */
  readonly intervalMs?: number | undefined
  /**
   * Resolves when there may be something to do before the interval is over, e.g. `feedChanges(db).next`; it is asked after each
   * time that nothing was left.
   *
   * @param signal is aborted when nobody waits for it any more.
   */
  readonly wake?: ((signal: AbortSignal) => Promise<unknown>) | undefined
  /** Milliseconds to wait before the first time; none unless given. */
  readonly delayMs?: number | undefined
  /** The longest wait after a failure, in milliseconds; 30 000 unless given. */
  readonly maxBackoffMs?: number | undefined
}

/** Where failures are told; pino fits. */
export interface FailureLog {
  error(fields: object, message: string): void
  info?(fields: object, message: string): void
}

const INTERVAL_MS = 1_000

/** The longest wait after a failure, unless the step says otherwise or waits longer in any case. */
const MAX_BACKOFF_MS = 30_000

/**
 * Repeats a step until the signal is aborted. A step that fails is tried again after longer and longer. The log is told of the
 * failure; of the same again after twice as many; and of the end of it. The loop keeps no process alive.
 *
 * @returns once the signal is aborted and the step that ran then has ended; never rejects.
 */
export async function repeat(step: WorkerStep, log: FailureLog, signal: AbortSignal): Promise<void> {
  const { name, intervalMs = INTERVAL_MS, delayMs = 0, maxBackoffMs = MAX_BACKOFF_MS, wake } = step
  let failures = 0
  let same = { message: '', times: 0 }
  await pause(delayMs, signal)
  while (!signal.aborted) {
    try {
      const isMore = await step.run(signal)
      if (failures > 0) log.info?.({ worker: name, failures }, `${name} works again`)
      failures = 0
      same = { message: '', times: 0 }
      if (isMore) continue
    } catch (err) {
      // A step that is cut off by the end of the server has not failed.
      if (signal.aborted) return
      failures += 1
      const message = String(err)
      same = { message, times: message === same.message ? same.times + 1 : 1 }
      if (isPowerOfTwo(same.times)) log.error({ err, worker: name, failures }, `${name} failed`)
    }
    if (failures === 0 && wake !== undefined) {
      await pauseUntilWoken(intervalMs, wake, signal)
      continue
    }
    const backoffMs = Math.min(intervalMs * 2 ** failures, maxBackoffMs)
    await pause(Math.max(intervalMs, backoffMs), signal)
  }
}

function isPowerOfTwo(count: number): boolean {
  return Number.isInteger(Math.log2(count))
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (milliseconds === 0) return
  await sleep(milliseconds, undefined, { ref: false, signal }).catch(() => {})
}

async function pauseUntilWoken(
  milliseconds: number,
  wake: NonNullable<WorkerStep['wake']>,
  signal: AbortSignal,
): Promise<void> {
  const over = new AbortController()
  const either = AbortSignal.any([signal, over.signal])
  const paused = pause(milliseconds, either)
  await Promise.race([paused, wake(either).catch(() => paused)])
  over.abort()
}
