import type { Kysely } from 'kysely'
import { perPool } from '../database/per-pool.ts'
import type { DB } from '../database/schema.ts'
import { EnrollmentError, failure } from '../errors.ts'
import { createAlarm } from './alarm.ts'
import { FEED_START, isAfter, positionOf } from './cursor.ts'
import { feedChanges } from './listen.ts'
import { readRelayed } from './read.ts'
import { createRing, type Ring } from './ring.ts'
import { createWaitingRoom } from './waiting-room.ts'

/** The one reader of the feed of a pool, which all watchers share. */
export interface Hub {
  /** Keeps the reader at work until it is disposed of, and waits until it has begun. */
  enter(signal: AbortSignal): Promise<HubPlace>
}

/** The place of one watcher. */
export interface HubPlace extends Disposable {
  readonly ring: Ring
  /**
   * Waits until there is more in the ring, or the signal is aborted.
   *
   * @throws {EnrollmentError} `unavailable` when nothing will ever come, as the pool is closed.
   */
  more(signal: AbortSignal): Promise<void>
}

/** Events of one page of the ring. */
const PAGE_SIZE = 500

/** Milliseconds for which it reads on when nobody watches any more: most come back. */
const LINGER_MS = 5_000

/** Milliseconds between two attempts to read from a database that does not answer. */
const RETRY_MS = 500

export const hubOf = perPool((db): Hub => {
  let reader: Reader | undefined
  let watchers = 0
  let idle: NodeJS.Timeout | undefined

  function leave(): void {
    watchers -= 1
    if (watchers > 0) return
    idle = setTimeout(() => {
      reader?.stop()
      reader = undefined
    }, LINGER_MS).unref()
  }

  return {
    async enter(signal) {
      clearTimeout(idle)
      if (reader === undefined || reader.hasEnded()) reader = startReader(db)
      const { begun, more } = reader
      watchers += 1
      try {
        return { ring: await begun(signal), more, [Symbol.dispose]: leave }
      } catch (error) {
        leave()
        throw error
      }
    },
  }
})

interface Reader {
  begun(signal: AbortSignal): Promise<Ring>
  readonly more: HubPlace['more']
  hasEnded(): boolean
  stop(): void
}

function startReader(db: Kysely<DB>): Reader {
  const end = new AbortController()
  const waiting = createWaitingRoom()
  let ring: Ring | undefined
  let hasEnded = false

  const more = async (signal: AbortSignal): Promise<void> => {
    if (!hasEnded) await waiting.wait(signal)
    if (hasEnded) throw new EnrollmentError(failure('unavailable', {}))
  }

  void follow()
    .catch(() => {})
    .finally(() => {
      hasEnded = true
      waiting.wakeAll()
    })

  async function follow(): Promise<void> {
    const changes = feedChanges(db)
    const pause = createAlarm()
    while (!end.signal.aborted) {
      // Rejects when the pool is closed.
      const last = await changes.next(end.signal)
      ring ??= createRing(last ?? positionOf(FEED_START))
      waiting.wakeAll()
      while (last !== null && isAfter(last, ring.tip()) && !end.signal.aborted) {
        const range = { after: ring.tip(), through: last }
        const page = await readRelayed(db, range, PAGE_SIZE).catch(() => null)
        if (page === null) await pause.wait(RETRY_MS, end.signal)
        else ring.push(page.events, page.cursor)
        waiting.wakeAll()
      }
    }
  }

  return {
    async begun(signal) {
      while (ring === undefined) {
        await more(signal)
        if (signal.aborted) throw signal.reason
      }
      return ring
    },
    more,
    hasEnded: () => hasEnded,
    stop: () => end.abort(),
  }
}
