import type { Kysely } from 'kysely'
import type { DB } from '../../database/schema.ts'

/**
 * The keys of the course runs on which an account holds staff, limited staff or instructor. Roles in a whole
 * organisation do not count, and a role counts only under the organisation of its course (rest-v1 §1.11).
 */
export async function coursesStaffedBy(db: Kysely<DB>, learnerId: number): Promise<Set<string>> {
  const rows = await db
    .selectFrom('roles as r')
    .innerJoin('courses as c', (join) => join.onRef('c.course_key', '=', 'r.course_key').onRef('c.org', '=', 'r.org'))
    .select('c.course_key')
    .where('r.learner_id', '=', learnerId)
    .where('r.role', 'in', ['staff', 'limited_staff', 'instructor'])
    .execute()
  return new Set(rows.map((row) => row.course_key))
}
