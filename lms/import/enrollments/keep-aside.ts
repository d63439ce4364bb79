import { sql, type Kysely, type Transaction } from 'kysely'
import type { LmsDB } from '../../database/schema.ts'
import type { LmsRow } from '../../source/source.ts'
import { ATTRIBUTES, ENROLLMENTS, HISTORY } from './lms-enrollment.ts'

/** A row that has no place here. */
export interface AsideRow {
  readonly table: string
  readonly primaryKey: string
  readonly why: string
  readonly content: LmsRow
}

/** Keeps rows whole, so that going back finds them (adoption.md §1). */
export async function keepAside(db: Kysely<LmsDB>, rows: readonly AsideRow[]): Promise<void> {
  if (rows.length === 0) return
  await sql`insert into lms_rows_aside as a (table_name, primary_key, why, content)
    select * from unnest(${rows.map(({ table }) => table)}::text[], ${rows.map(({ primaryKey }) => primaryKey)}::text[],
      ${rows.map(({ why }) => why)}::text[], ${rows.map(({ content }) => storable(content))}::jsonb[])
    on conflict (table_name, primary_key) do update set why = excluded.why, content = excluded.content
    where (a.why, a.content) is distinct from (excluded.why, excluded.content)`.execute(db)
}

/** Where PostgreSQL cannot hold a text of it, its JSON as one text. */
function storable(content: LmsRow): string {
  const text = JSON.stringify(content)
  return UNSTORABLE.test(text) ? JSON.stringify({ json: text }) : text
}

const UNSTORABLE = /\\u(0000|d[89a-f])/

/** Forgets what was kept aside of enrollments that have come over since, by their ids in the LMS. */
export async function takeBack(trx: Transaction<LmsDB>, lmsIds: readonly number[]): Promise<void> {
  if (lmsIds.length === 0) return
  const ids = lmsIds.map(String)
  await sql`delete from lms_rows_aside
    where table_name = ${ENROLLMENTS} and primary_key = any (${ids}::text[])
      or table_name = ${ATTRIBUTES} and content ->> 'enrollment_id' = any (${ids}::text[])
      or table_name = ${HISTORY} and content ->> 'id' = any (${ids}::text[])
        and content ->> 'history_type' <> '-'`.execute(trx)
}
