import { sql, type Kysely } from 'kysely'
import type { LmsDB } from '../database/schema.ts'

/** How long a process that has died keeps others from its work, in milliseconds. */
export const LEASE_MS = 5_000

/** How often it is asked for again, in milliseconds. */
const RENEWAL_MS = 1_000

/**
 * That one process at a time works at a stream, so that others do not ask the LMS the same for nothing. It decides nothing else:
 * what a process does that has lost it without knowing is guarded where it is done.
 */
export interface Lease {
  /** Does work while the lease is held, and keeps it meanwhile; null: another process has it. */
  whileHeld<T>(work: () => Promise<T>): Promise<T | null>
  /** Whether this process has it still. */
  isHeld(): boolean
  /** Gives it back. */
  release(): Promise<void>
}

/** @param holder the UUID of this process. */
export function leaseOf(db: Kysely<LmsDB>, name: string, holder: string): Lease {
  let heldUntil = -Infinity
  let askAt = -Infinity
  const isHeld = () => performance.now() < heldUntil
  const renew = async () => {
    const asked = performance.now()
    askAt = asked + RENEWAL_MS
    const { rows } = await sql`
      insert into lms_leases as l (name, holder, held_until)
      values (${name}, ${holder}, clock_timestamp() + ${LEASE_MS} * interval '1 millisecond')
      on conflict (name) do update set holder = excluded.holder, held_until = excluded.held_until
      where l.holder is null or l.holder = excluded.holder or l.held_until < clock_timestamp()
      returning name`.execute(db)
    heldUntil = rows.length > 0 ? asked + LEASE_MS : -Infinity
  }
  return {
    isHeld,
    async whileHeld(work) {
      if (performance.now() >= askAt || !isHeld()) await renew()
      if (!isHeld()) return null
      // Work that takes longer than a lease keeps it; where the database is slow the lease may end.
      const renewal = setInterval(() => void renew().catch(() => {}), RENEWAL_MS)
      try {
        return await work()
      } finally {
        clearInterval(renewal)
      }
    },
    async release() {
      heldUntil = -Infinity
      await db
        .updateTable('lms_leases')
        .set({ holder: null, held_until: null })
        .where('name', '=', name)
        .where('holder', '=', holder)
        .execute()
    },
  }
}
