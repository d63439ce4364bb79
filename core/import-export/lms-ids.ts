import { sql, type Transaction } from 'kysely'
import type { DB } from '../database/schema.ts'
import { trackHolders, type Holders } from './holders.ts'

/** Whose the ids of the LMS are, by the ids of enrollments, while lines give them one after another. */
export interface LmsIds extends Holders {
  /** Whether no enrollment here has the number as its own id. */
  isFree(lmsId: number): boolean
}

/**
 * Reads who has the ids that lines bring.
 *
 * @param enrollmentIds the enrollments that the lines are about.
 */
export async function readLmsIds(
  trx: Transaction<DB>,
  lmsIds: readonly number[],
  enrollmentIds: readonly string[],
): Promise<LmsIds> {
  if (lmsIds.length === 0) return { ...trackHolders(new Map()), isFree: () => false }
  const { rows } = await sql<{ enrollment_id: string; lms_id: number }>`
    select enrollment_id, lms_id from enrollment_lms_ids
    where lms_id = any (${lmsIds}::integer[]) or (enrollment_id = any (${enrollmentIds}::bigint[]) and lms_id is not null)
  `.execute(trx)
  const { rows: taken } = await sql<{ id: string }>`
    select id from enrollments where id = any (${lmsIds}::bigint[])`.execute(trx)
  const ids = new Set(taken.map(({ id }) => id))
  return {
    ...trackHolders(new Map(rows.map((row) => [row.enrollment_id, String(row.lms_id)]))),
    isFree: (lmsId) => !ids.has(String(lmsId)),
  }
}

/** Keeps the ids that are drawn here above one that is brought. */
export async function drawAbove(trx: Transaction<DB>, id: number): Promise<void> {
  await sql`select setval('enrollments_id_seq', ${id}::bigint) from enrollments_id_seq
    where last_value < ${id}::bigint or (last_value = ${id}::bigint and not is_called)`.execute(trx)
}

/** Takes ids of the LMS from enrollments that get others: a unique index looks at each row of a statement. */
export async function releaseLmsIds(trx: Transaction<DB>, enrollmentIds: readonly string[]): Promise<void> {
  if (enrollmentIds.length === 0) return
  await sql`update enrollment_lms_ids set lms_id = null
    where enrollment_id = any (${enrollmentIds}::bigint[])`.execute(trx)
}

/** Writes ids of the LMS, all of which are free. */
export async function writeLmsIds(
  trx: Transaction<DB>,
  rows: readonly { readonly id: string; readonly lmsId: number }[],
): Promise<void> {
  if (rows.length === 0) return
  await sql`
    insert into enrollment_lms_ids (enrollment_id, lms_id)
    select * from unnest(${rows.map(({ id }) => id)}::bigint[], ${rows.map(({ lmsId }) => lmsId)}::integer[])
    on conflict (enrollment_id) do update set lms_id = excluded.lms_id`.execute(trx)
}
