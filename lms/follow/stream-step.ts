import type { Kysely } from 'kysely'
import type { WorkerStep } from '../../server/background/loop.ts'
import type { LmsDB } from '../database/schema.ts'
import { leaseOf } from './lease.ts'
import type { Pace } from './pace.ts'
import { noteStreamFailure } from './stream-row.ts'
import type { StreamName } from './streams.ts'

/** Milliseconds between two looks that cost little. */
export const LOOK_MS = 1_000

/** The longest wait for an LMS that was away: then it is looked at again. */
const MAX_BACKOFF_MS = 10_000

export interface Stream {
  readonly name: StreamName
  readonly pace: Pace
  /**
   * Looks at the LMS once, deals with what it finds, and tells the pace how long the LMS was kept busy.
   *
   * @param isMine whether this process is still the one that follows.
   * @returns whether there is more to do at once.
   */
  look(signal: AbortSignal, isMine: () => boolean): Promise<boolean>
}

export interface StreamContext {
  readonly db: Kysely<LmsDB>
  /** The UUID of this process. */
  readonly holder: string
}

/** Repeats the looks of a stream, in one of all processes at a time. What fails is tried again, and seen meanwhile. */
export function streamStep({ db, holder }: StreamContext, stream: Stream): WorkerStep {
  const { name, pace } = stream
  const lease = leaseOf(db, name, holder)
  let isMore = false
  let isReleasing = false
  const releaseAtEnd = (signal: AbortSignal) => {
    if (isReleasing) return
    isReleasing = true
    signal.addEventListener('abort', () => void lease.release().catch(() => {}))
  }
  return {
    name: `following the LMS (${name})`,
    consumer: `lms-${name}`,
    intervalMs: LOOK_MS,
    maxBackoffMs: MAX_BACKOFF_MS,
    async run(signal) {
      releaseAtEnd(signal)
      if (!isMore && !pace.isDue()) return false
      const found = await lease.whileHeld(async () => {
        try {
          return await stream.look(signal, lease.isHeld)
        } catch (error) {
          isMore = false
          if (!signal.aborted) await noteStreamFailure(db, name, error).catch(() => {})
          throw error
        }
      })
      isMore = found === true && !signal.aborted
      return isMore
    },
  }
}
