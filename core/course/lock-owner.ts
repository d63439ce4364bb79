import { sql, type Transaction } from 'kysely'
import type { DB } from '../database/schema.ts'

/** Any number that no other lock of this database has. */
const LOCK = 5_208_114_377_690_233n

/**
 * Finds out which course runs the LMS owns, and keeps it so until the transaction ends: no course run comes here meanwhile. Comes
 * before what is written for the LMS (adoption.md §4). It writes nothing, so that the feed is not held back by it.
 *
 * @returns those of the ids whose course runs the LMS owns.
 * @throws what the database throws where owners are being changed for longer than the transaction waits.
 */
export async function lockRunsOwnedByLms(trx: Transaction<DB>, courseIds: readonly number[]): Promise<Set<number>> {
  await sql`select pg_advisory_xact_lock_shared(${sql.lit(LOCK)})`.execute(trx)
  // A statement of its own: it sees what was changed while the lock was waited for.
  const { rows } = await sql<{ id: number }>`
    select id from courses where id = any (${courseIds}::integer[]) and owner = 'lms'`.execute(trx)
  return new Set(rows.map(({ id }) => id))
}

/** Keeps everybody out who writes for the LMS, until the transaction ends: waits for those who do. */
export async function lockOutLms(trx: Transaction<DB>): Promise<void> {
  await sql`select pg_advisory_xact_lock(${sql.lit(LOCK)})`.execute(trx)
}

/**
 * Finds out which course runs are owned here, and keeps it so until the transaction ends.
 *
 * @returns those of the ids whose course runs are owned here.
 */
export async function lockRunsOwnedHere(trx: Transaction<DB>, courseIds: readonly number[]): Promise<Set<number>> {
  const { rows } = await sql<{ id: number }>`
    select id from courses where id = any (${courseIds}::integer[]) and owner = 'here' order by id for share`.execute(
    trx,
  )
  return new Set(rows.map(({ id }) => id))
}
