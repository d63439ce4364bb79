import type { Kysely } from 'kysely'
import { hearingOf } from '../database/own-pools.ts'
import { perPool } from '../database/per-pool.ts'
import type { DB } from '../database/schema.ts'
import { EnrollmentError, failure } from '../errors.ts'
import type { FeedPosition } from './cursor.ts'
import { followEnd } from './follow-end.ts'
import { createWaitingRoom } from './waiting-room.ts'

/** Who waits for changes of the feed. */
export interface FeedChanges {
  /**
   * Waits until the feed shows more than when this resolved last, or may do so; the first time it waits for one look. It
   * resolves when the signal is aborted as well.
   *
   * @returns the last event that is shown; null: none is.
   * @throws {EnrollmentError} `unavailable` when the pool is closed.
   */
  readonly next: (signal: AbortSignal) => Promise<FeedPosition | null>
}

/**
 * Waits for changes of the feed, whichever process made them. All who wait on one pool share one connection beside it, which
 * listens for wake-ups, and one look at the end of the feed; where nobody waits there is neither.
 *
 * @param db a pool.
 */
export function feedChanges(db: Kysely<DB>): FeedChanges {
  const listener = listenerOf(db)
  let seen = 0
  return {
    async next(signal) {
      await listener.beyond(seen, signal)
      const { changes, last } = listener.state()
      seen = changes
      return last
    },
  }
}

/** Milliseconds for which the connection is kept when nobody waits any more: most come back. */
const LINGER_MS = 5_000

const listenerOf = perPool((db) => {
  const waiting = createWaitingRoom()
  let [changes, last]: [number, FeedPosition | null] = [0, null]
  let isClosed = false
  let following: AbortController | undefined
  let idle: NodeJS.Timeout | undefined

  const announce = () => {
    changes += 1
    waiting.wakeAll()
  }
  const begin = () => {
    clearTimeout(idle)
    if (following !== undefined) return
    const own = new AbortController()
    following = own
    void follow(own.signal)
  }
  const follow = async (stop: AbortSignal) => {
    await followEnd(db, onChange, stop)
    isClosed = !stop.aborted
    announce()
  }
  const onChange = (end: FeedPosition | null) => {
    last = end
    announce()
  }
  const rest = () => {
    if (!waiting.isEmpty()) return
    clearTimeout(idle)
    idle = setTimeout(() => {
      following?.abort()
      following = undefined
    }, LINGER_MS).unref()
  }
  return {
    state: () => ({ changes, last }),
    async beyond(seen: number, signal: AbortSignal): Promise<void> {
      if (isClosed || hearingOf(db).closing?.aborted === true) throw new EnrollmentError(failure('unavailable', {}))
      begin()
      if (changes === seen) await waiting.wait(signal)
      rest()
    },
  }
})
