import { setTimeout as sleep } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import { feedChanges } from '../../core/event/listen.ts'
import type { WorkerStep } from './loop.ts'

/** Milliseconds between two wake-ups of a consumer: where much is written, it finds many events each time. */
const MIN_SPACE_MS = 200

/** What wakes a consumer of the feed: changes, but not each of them where there are many. */
export function wakeOnChanges(db: Kysely<DB>): NonNullable<WorkerStep['wake']> {
  const { next } = feedChanges(db)
  let earliest = 0
  return async (signal) => {
    await next(signal)
    const early = earliest - performance.now()
    if (early > 0) await sleep(early, undefined, { ref: false, signal }).catch(() => {})
    earliest = performance.now() + MIN_SPACE_MS
  }
}
