import type { Database } from '../../core/database/open.ts'
import { sweepIdempotencyKeys } from '../../core/idempotency/sweep.ts'

export interface SweepingTimes {
  /** Milliseconds from the start to the first sweep. */
  readonly firstMs: number
  /** Milliseconds from the end of a sweep to the next. */
  readonly everyMs: number
}

/** Soon, but not while others wait for the start; then often enough that little gathers. */
const TIMES: SweepingTimes = { firstMs: 1_000, everyMs: 10 * 60 * 1_000 }

/**
 * Deletes what has expired in the database, from time to time: idempotency keys. It keeps no process alive, and one that
 * fails is told to the log and done again at the next time.
 *
 * @returns what ends it; a step that runs then still ends by itself.
 */
export function sweepFromTimeToTime(
  db: Database,
  log: { warn(fields: object, message: string): void },
  { firstMs, everyMs }: SweepingTimes = TIMES,
): Disposable {
  const end = new AbortController()
  let timer = setTimeout(() => void sweep(), firstMs).unref()

  async function sweep(): Promise<void> {
    try {
      await sweepIdempotencyKeys(db, new Date(), end.signal)
    } catch (err) {
      if (!end.signal.aborted) log.warn({ err }, 'sweeping idempotency keys failed')
    }
    if (!end.signal.aborted) timer = setTimeout(() => void sweep(), everyMs).unref()
  }

  return {
    [Symbol.dispose]: () => {
      end.abort()
      clearTimeout(timer)
    },
  }
}
