import { EnrollmentError, failure } from '../../core/errors.ts'

/** Milliseconds after which it is worth trying again. */
const RETRY_MS = 1_000

/**
 * Lets so many pieces of work run at a time, and so many wait.
 *
 * @returns runs a piece of work; it throws `unavailable` where too many wait.
 */
export function openGate(maxRunning: number, maxWaiting: number): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0
  const waiting: (() => void)[] = []
  return async (work) => {
    if (running < maxRunning) running += 1
    else if (waiting.length < maxWaiting) await new Promise<void>((begin) => waiting.push(begin))
    else throw new EnrollmentError(failure('unavailable', { retryAfterMs: RETRY_MS }))
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) running -= 1
      else next()
    }
  }
}
