import { CompiledQuery, type Kysely } from 'kysely'
import { courseKeyOf, parseCourseKey } from '../course/key.ts'
import { arrayLiteral } from '../database/columns.ts'
import type { DB } from '../database/schema.ts'
import { ANY_LEARNER, isLearner } from '../learner/lookup-sql.ts'
import { learnerLookup, type LearnerRef } from '../learner/ref.ts'
import type { Enrollment } from './command.ts'
import { enrollmentOfPair } from './pair-lookup.ts'

/**
 * Reads one enrollment, active or not.
 *
 * @returns null when there is none, or no such learner or course.
 * @throws {EnrollmentError} `invalidCourseKey`
 */
export async function getEnrollment(db: Kysely<DB>, learner: LearnerRef, courseId: string): Promise<Enrollment | null> {
  const row = await selectEnrollments(db)
    .where('c.course_key', '=', courseKeyOf(courseId).stored)
    .where((eb) => isLearner(eb, learner))
    .executeTakeFirst()
  return row === undefined ? null : enrollmentOf(row)
}

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
    CompiledQuery.raw(READ_PAIRS, [
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

const READ_PAIRS = `/* enrollment.getMany */
select a.i, e.id, e.version, l.user_id, l.username, c.course_key, e.mode, e.is_active, e.created, e.updated
from unnest((select $1::text[]), (select $2::text[]), (select $3::integer[]), (select $4::text[])) with ordinality
  as a (username, email, user_id, course_key, i)
join ${ANY_LEARNER} on true
join courses c on c.course_key = a.course_key
join ${enrollmentOfPair('l.id', 'c.id')} e on true`

/** Reads the enrollments of one learner, oldest first; none for an unknown learner. */
export async function listEnrollments(
  db: Kysely<DB>,
  learner: LearnerRef,
  { includeInactive }: { includeInactive: boolean },
): Promise<Enrollment[]> {
  const rows = await selectEnrollments(db)
    .where((eb) => isLearner(eb, learner))
    .$if(!includeInactive, (query) => query.where('e.is_active', '=', true))
    .orderBy('e.created')
    .orderBy('e.id')
    .execute()
  return rows.map(enrollmentOf)
}

/** The columns of {@link enrollmentOf}, with the tables `e`, `l` and `c` to filter on. */
export function selectEnrollments(db: Kysely<DB>) {
  return db
    .selectFrom('enrollments as e')
    .innerJoin('learners as l', 'l.id', 'e.learner_id')
    .innerJoin('courses as c', 'c.id', 'e.course_id')
    .select([
      'e.id',
      'e.version',
      'l.user_id',
      'l.username',
      'c.course_key',
      'e.mode',
      'e.is_active',
      'e.created',
      'e.updated',
    ])
}

export type EnrollmentRow = Awaited<ReturnType<ReturnType<typeof selectEnrollments>['execute']>>[number]

/** The enrollment of a row of {@link selectEnrollments}. */
export function enrollmentOf(row: EnrollmentRow): Enrollment {
  return {
    id: row.id,
    version: row.version,
    userId: String(row.user_id),
    username: row.username,
    courseId: row.course_key,
    mode: row.mode,
    isActive: row.is_active,
    created: row.created,
    updated: row.updated,
  }
}
