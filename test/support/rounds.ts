import type { Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'

/** The transaction of each event of a course run: what a round of calls has written is one. */
export async function roundsByEvent(db: Kysely<DB>, courseId: string): Promise<Map<string, string>> {
  const rows = await db
    .selectFrom('enrollment_events as v')
    .innerJoin('enrollments as e', 'e.id', 'v.enrollment_id')
    .innerJoin('courses as c', 'c.id', 'e.course_id')
    .select(['v.id', 'v.transaction_id'])
    .where('c.course_key', '=', courseId)
    .execute()
  return new Map(rows.map((row) => [row.id, row.transaction_id]))
}
