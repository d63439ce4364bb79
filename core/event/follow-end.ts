import type { Kysely } from 'kysely'
import type { Listening } from '../database/notifications.ts'
import { hearingOf } from '../database/own-pools.ts'
import type { DB } from '../database/schema.ts'
import { createAlarm } from './alarm.ts'
import { isAfter, type FeedPosition } from './cursor.ts'
import { readFeedEnd, type FeedEnd } from './end.ts'
import { WAKE_CHANNEL } from './wake.ts'

/** Milliseconds between two looks at the end of the feed. */
const pauses = {
  /** While committed events are held back by a transaction that runs. */
  heldBack: 100,
  /** Where no wake-up is heard, e.g. through a pooler, or not each of them. */
  deaf: 150,
  /** Where they are heard: some are lost, e.g. that of a process which was killed after its commit. */
  hearing: 1_000,
  /** While the database does not answer. */
  unreachable: 500,
  /** At least, however often it is woken. */
  shortest: 25,
}

/** Milliseconds between two attempts to listen. */
const RETRY_MS = 2_000

/**
 * Looks at the end of the feed whenever it is woken, and now and then, until the signal is aborted or the pool is closed.
 *
 * @param onChange is told the last event that is shown, at first and whenever it is another.
 */
export async function followEnd(
  db: Kysely<DB>,
  onChange: (last: FeedPosition | null) => void,
  stop: AbortSignal,
): Promise<void> {
  const { closing } = hearingOf(db)
  const signal = closing === undefined ? stop : AbortSignal.any([stop, closing])
  const alarm = createAlarm()
  const ear = createEar(db, alarm.ring)
  let known: FeedEnd | undefined
  let hasRung = true
  while (!signal.aborted) {
    const lookedAt = performance.now()
    const end = await look(db)
    if (end === 'closed') break
    if (end !== null && (known === undefined || isAnother(known.last, end.last))) {
      // What nobody told of, although it was not held back: the connection may have gone silent.
      if (!hasRung && known?.heldBy === null) ear.doubt()
      onChange(end.last)
    }
    known = end ?? known
    // Looks again at once: what was committed before it listened did not ring.
    if (end !== null && (await ear.listen())) continue
    hasRung = await alarm.wait(pauseAfter(end, ear.hearsAll()), signal)
    const early = pauses.shortest - (performance.now() - lookedAt)
    if (hasRung && early > 0) await createAlarm().wait(early, signal)
  }
  ear.close()
}

function pauseAfter(end: FeedEnd | null, hearsAll: boolean): number {
  if (end === null) return pauses.unreachable
  if (end.heldBy !== null) return pauses.heldBack
  return hearsAll ? pauses.hearing : pauses.deaf
}

function isAnother(one: FeedPosition | null, other: FeedPosition | null): boolean {
  if (one === null || other === null) return one !== other
  return isAfter(one, other) || isAfter(other, one)
}

/** Null: the database does not answer, for now. */
async function look(db: Kysely<DB>): Promise<FeedEnd | null | 'closed'> {
  try {
    return await readFeedEnd(db)
  } catch (error) {
    return error instanceof Error && CLOSED.test(error.message) ? 'closed' : null
  }
}

/** The words of Kysely and of pg for a pool that is closed. */
const CLOSED = /driver has already been destroyed|Cannot use a pool after calling end/

/** A connection that listens, wherever there can be one. */
interface Ear {
  /** @returns whether it has begun to listen just now. */
  listen(): Promise<boolean>
  /** Whether each wake-up is heard. */
  hearsAll(): boolean
  /** Listens on another connection from the next time on. */
  doubt(): void
  close(): void
}

function createEar(db: Kysely<DB>, onHeard: () => void): Ear {
  const { listen } = hearingOf(db)
  let listening: Listening | null = null
  let nextAttempt = 0
  const close = () => {
    listening?.close()
    listening = null
  }
  return {
    async listen() {
      if (listening?.isLost() === false || performance.now() < nextAttempt) return false
      nextAttempt = performance.now() + RETRY_MS
      listening = (await listen?.(WAKE_CHANNEL, onHeard)?.catch(() => null)) ?? null
      return listening !== null
    },
    hearsAll: () => listening?.isLost() === false && !listening.isPreparing,
    doubt: () => {
      if (listening?.isPreparing === false) close()
    },
    close,
  }
}
