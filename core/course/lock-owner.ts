import { sql, type Transaction } from 'kysely'
import type { DB } from '../database/schema.ts'
import type { Owner } from './owner.ts'

/**
 * Finds out which course runs the LMS owns, and keeps it so until the transaction ends: a change of owner waits. Comes before
 * what is written for the LMS (adoption.md §4).
 *
 * @returns those of the ids whose course runs the LMS owns.
 * @throws what the database throws where somebody holds a course run for longer than the transaction waits.
 */
export function lockRunsOwnedByLms(trx: Transaction<DB>, courseIds: readonly number[]): Promise<Set<number>> {
  return lockRunsOwnedBy(trx, 'lms', courseIds)
}

/** The same for either owner. */
export async function lockRunsOwnedBy(
  trx: Transaction<DB>,
  owner: Owner,
  courseIds: readonly number[],
): Promise<Set<number>> {
  const { rows } = await sql<{ id: number }>`
    select id from courses where id = any (${courseIds}::integer[]) and owner = ${owner} order by id for share`.execute(
    trx,
  )
  return new Set(rows.map(({ id }) => id))
}
