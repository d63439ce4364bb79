import type { Kysely } from 'kysely'
import type { DB } from '../../database/schema.ts'

/** What somebody is in a course run or, without one, in a whole organisation (rest-v1 §1.11). */
export interface Role {
  /** Free text, e.g. `staff`. */
  readonly role: string
  readonly org: string
  readonly courseId: string | null
}

/** Reads the roles of an account, in the order in which they were given. */
export async function rolesOf(db: Kysely<DB>, learnerId: number): Promise<Role[]> {
  const rows = await db
    .selectFrom('roles')
    .select(['role', 'org', 'course_key'])
    .where('learner_id', '=', learnerId)
    .orderBy('id')
    .execute()
  return rows.map((row) => ({ role: row.role, org: row.org, courseId: row.course_key }))
}
