import { sql, type Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import { EnrollmentError, failure } from '../errors.ts'
import { courseKeyOf } from './key.ts'

/**
 * Puts a learner into a cohort of a course run, out of the one that they are in (rest-v1 §1.10).
 *
 * @param place.cohort the exact name.
 * @throws {EnrollmentError} `cohortNotFound`, `invalidCourseKey`
 */
export async function assignToCohort(
  db: Kysely<DB>,
  learnerId: number,
  place: { readonly courseId: string; readonly cohort: string },
): Promise<void> {
  const { rows } = await sql`
    insert into cohort_members (course_id, learner_id, cohort_id)
    select h.course_id, ${learnerId}::integer, h.id
    from cohorts h join courses c on c.id = h.course_id
    where c.course_key = ${courseKeyOf(place.courseId).stored} and h.name = ${place.cohort}
    on conflict (course_id, learner_id) do update set cohort_id = excluded.cohort_id
    returning cohort_id`.execute(db)
  if (rows.length === 0) throw new EnrollmentError(failure('cohortNotFound', { cohort: place.cohort }))
}
