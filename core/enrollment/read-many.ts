import { CompiledQuery, type Kysely } from 'kysely'
import { parseCourseKey } from '../course/key.ts'
import { arrayLiteral } from '../database/columns.ts'
import type { DB } from '../database/schema.ts'
import { learnerLookup, type LearnerRef } from '../learner/ref.ts'
import type { Enrollment } from './command.ts'
import { ANY_LEARNER } from './facts-statement.ts'
import { enrollmentOf, type EnrollmentRow } from './read.ts'

/**
 * Reads many enrollments, active or not, in one statement.
 *
 * @returns one element per pair, in order; null where there is none, or no such learner or course, or the key is malformed.
 */
export async function getEnrollments(
  db: Kysely<DB>,
  pairs: readonly { readonly learner: LearnerRef; readonly courseId: string }[],
): Promise<(Enrollment | null)[]> {
  const lookups = pairs.map(({ learner }) => learnerLookup(learner))
  const { rows } = await db.executeQuery<EnrollmentRow & { i: string }>(
    CompiledQuery.raw(STATEMENT, [
      arrayLiteral(lookups.map(({ username }) => username)),
      arrayLiteral(lookups.map(({ email }) => email)),
      arrayLiteral(lookups.map(({ userId }) => userId)),
      arrayLiteral(pairs.map(({ courseId }) => parseCourseKey(courseId)?.stored ?? null)),
    ]),
  )
  const found = new Map(rows.map((row) => [Number(row.i), row]))
  return pairs.map((_, index) => {
    const row = found.get(index + 1)
    return row === undefined ? null : enrollmentOf(row)
  })
}

const STATEMENT = `/* enrollment.getMany */
select a.i, e.id, e.version, e.learner_id, l.username, c.course_key, e.mode, e.is_active, e.created, e.updated
from unnest((select $1::text[]), (select $2::text[]), (select $3::integer[]), (select $4::text[])) with ordinality
  as a (username, email, user_id, course_key, i)
join ${ANY_LEARNER} on true
join courses c on c.course_key = a.course_key
join enrollments e on e.learner_id = l.id and e.course_id = c.id`
