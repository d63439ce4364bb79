import { sql, type Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import type { Pair, WriteRequest } from './lms-api.ts'
import type { State } from './decide.ts'

/** An enrollment as it is here, under the present name of its account. */
export interface MirroredPair extends Pair, State {
  readonly version: number
  readonly attributes: WriteRequest['attributes']
}

/**
 * Reads an enrollment of a course run of this service.
 *
 * @returns null: the LMS owns the course run now, and nothing is sent to it.
 */
export async function readPair(db: Kysely<DB>, enrollmentId: string): Promise<MirroredPair | null> {
  const row = await db
    .selectFrom('enrollments as e')
    .innerJoin('learners as l', 'l.id', 'e.learner_id')
    .innerJoin('courses as c', 'c.id', 'e.course_id')
    .select(['e.version', 'e.mode', 'e.is_active', 'l.username', 'c.course_key', ATTRIBUTES.as('attributes')])
    .where('e.id', '=', enrollmentId)
    .where('c.owner', '=', 'here')
    .executeTakeFirst()
  if (row === undefined) return null
  const { version, mode, is_active: isActive, username, course_key: courseId, attributes } = row
  return { version, mode, isActive, username, courseId, attributes }
}

const ATTRIBUTES = sql<WriteRequest['attributes']>`coalesce((
  select json_agg(json_build_object('namespace', t.namespace, 'name', t.name, 'value', t.value) order by t.position)
  from enrollment_attributes t where t.enrollment_id = e.id
), '[]')`
