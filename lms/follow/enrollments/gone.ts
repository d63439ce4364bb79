import { sql, type Kysely } from 'kysely'
import type { LmsDB } from '../../database/schema.ts'
import type { LmsEnrollment } from '../../import/enrollments/lms-enrollment.ts'

/**
 * What enrollments come to that are gone from the LMS, which has no state for that: inactive. Those that are active here, of
 * course runs that the LMS owns.
 *
 * @param lmsIds their ids in the LMS.
 */
export async function goneEnrollments(db: Kysely<LmsDB>, lmsIds: readonly number[]): Promise<LmsEnrollment[]> {
  if (lmsIds.length === 0) return []
  const { rows } = await sql<GoneRow>`
    select k.lms_id as id, l.user_id as "userId", c.course_key as "courseText", e.mode, e.created, coalesce((
        select jsonb_agg(jsonb_build_object('namespace', a.namespace, 'name', a.name, 'value', a.value) order by a.position)
        from enrollment_attributes a where a.enrollment_id = e.id), '[]') as attributes
    from enrollment_lms_ids k join enrollments e on e.id = k.enrollment_id
    join learners l on l.id = e.learner_id join courses c on c.id = e.course_id
    where k.lms_id = any (${lmsIds}::integer[]) and e.is_active and c.owner = 'lms' and l.is_id_of_lms`.execute(db)
  return rows.map((row) => ({
    ...row,
    isActive: false,
    history: [],
    earliest: null,
    bent: [],
    content: {},
    companions: [],
  }))
}

type GoneRow = Pick<LmsEnrollment, 'id' | 'userId' | 'courseText' | 'mode' | 'created' | 'attributes'>
