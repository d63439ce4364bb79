import { sql, type Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'

/** How long a process that has died keeps others from its work, in milliseconds. */
const LEASE_MS = 5_000

/** How often others look whether it lives. */
const LOOK_MS = 1_000

/**
 * That one process at a time sends a feed, so that others do not do the same work for nothing. It decides nothing else: a process
 * that has lost it without knowing spoils nothing.
 */
export interface Lease {
  /** Takes it or keeps it; false: another process has it. Asks the database only from time to time. */
  hold(): Promise<boolean>
  /** Gives it back. */
  release(): Promise<void>
}

/** @param holder the UUID of this process. */
export function leaseOf(db: Kysely<DB>, name: string, holder: string): Lease {
  let isHeld = false
  let askAt = 0
  return {
    async hold() {
      const now = performance.now()
      if (now < askAt) return isHeld
      isHeld = false
      const { numUpdatedRows } = await db
        .updateTable('event_bus_feeds')
        .set({ holder, held_until: sql`clock_timestamp() + ${LEASE_MS} * interval '1 millisecond'` })
        .where('name', '=', name)
        .where(({ or, eb }) =>
          or([
            eb('holder', 'is', null),
            eb('holder', '=', holder),
            eb('held_until', '<', sql<string>`clock_timestamp()`),
          ]),
        )
        .executeTakeFirst()
      isHeld = numUpdatedRows > 0n
      askAt = now + LOOK_MS
      return isHeld
    },
    async release() {
      if (!isHeld) return
      isHeld = false
      await db
        .updateTable('event_bus_feeds')
        .set({ holder: null, held_until: null })
        .where('name', '=', name)
        .where('holder', '=', holder)
        .execute()
    },
  }
}
