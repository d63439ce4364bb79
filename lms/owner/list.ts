import { sql, type Kysely } from 'kysely'
import type { StoredOwner } from '../../core/course/owner.ts'
import type { DB } from '../../core/database/schema.ts'

/** A course run with its owner and its enrollments. */
export interface OwnedRun {
  readonly courseId: string
  readonly owner: StoredOwner
  readonly active: number
  readonly inactive: number
}

/**
 * The course runs in the order of their keys.
 *
 * @param keys stored keys, or all course runs.
 */
export async function listOwners(db: Kysely<DB>, keys: readonly string[] | 'all'): Promise<OwnedRun[]> {
  const among = keys === 'all' ? sql`true` : sql`c.course_key = any (${keys}::text[])`
  const { rows } = await sql<OwnedRun>`
    select c.course_key as "courseId", c.owner, coalesce(e.active, 0)::integer as active,
      coalesce(e.inactive, 0)::integer as inactive
    from courses c left join (
      select course_id, count(*) filter (where is_active) as active, count(*) filter (where not is_active) as inactive
      from enrollments group by course_id
    ) e on e.course_id = c.id
    where ${among} order by c.course_key collate "C"`.execute(db)
  return rows
}
