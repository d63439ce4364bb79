import { sql, type Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'

/** The id of the newest event; `0`: there is none. */
export async function lastEventId(db: Kysely<DB>): Promise<string> {
  const { rows } = await sql<{ id: string }>`select coalesce(max(id), 0)::text as id from enrollment_events`.execute(db)
  return rows[0]?.id ?? '0'
}

/** For each pair whether its enrollment has an event behind another one. */
export async function pairsChangedSince(
  db: Kysely<DB>,
  eventId: string,
  pairs: readonly { readonly username: string; readonly courseId: string }[],
): Promise<boolean[]> {
  const { rows } = await sql<{ is_changed: boolean }>`
    select exists (
      select from enrollments e join learners l on l.id = e.learner_id join courses c on c.id = e.course_id
        join enrollment_events v on v.enrollment_id = e.id
      where l.username = p.username and c.course_key = p.course_key and v.id > ${eventId}::bigint) as is_changed
    from unnest(${pairs.map(({ username }) => username)}::text[], ${pairs.map(({ courseId }) => courseId)}::text[])
      with ordinality as p (username, course_key, n)
    order by n`.execute(db)
  return rows.map((row) => row.is_changed)
}
