import { sql, type Kysely } from 'kysely'
import type { LmsDB } from '../database/schema.ts'

/**
 * Whether a row of the tables is kept aside whose account and course run are here by now: rows that other reasons keep aside are
 * among them.
 */
export async function hasComeOfAge(db: Kysely<LmsDB>, tables: readonly string[]): Promise<boolean> {
  return (await rowsOfAge(db, tables, 1)).length > 0
}

/** The keys of such rows, in the order of their text. */
export async function rowsOfAge(
  db: Kysely<LmsDB>,
  tables: readonly string[],
  limit: number,
  after = '',
): Promise<string[]> {
  const { rows } = await sql<{ key: string }>`
    select a.primary_key as key from lms_rows_aside a
    where a.table_name = any (${tables}::text[]) and a.primary_key > ${after}
      and (nullif(a.content->>'user_id', '') is null or exists (
        select from learners l where l.is_id_of_lms and l.user_id
          = case when a.content->>'user_id' ~ '^[0-9]{1,18}$' then (a.content->>'user_id')::bigint end))
      and (nullif(a.content->>'course_id', '') is null or exists (
        select from courses c where lower(c.course_key) = lower(a.content->>'course_id')))
    order by a.primary_key limit ${limit}`.execute(db)
  return rows.map(({ key }) => key)
}

/** So many rows that are bent are tried again at a time. */
const MAX_BENT = 200

/** The keys of rows that came over bent because of what else was here, where they are numbers. */
export async function bentKeys(db: Kysely<LmsDB>, table: string): Promise<number[]> {
  const { rows } = await sql<{ key: string }>`
    select primary_key as key from lms_rows where table_name = ${table} and bent is not null
      and primary_key ~ '^[0-9]{1,15}$' limit ${MAX_BENT}`.execute(db)
  return rows.map(({ key }) => Number(key))
}
