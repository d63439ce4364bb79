import { sql, type CompiledQuery, type Kysely, type QueryResult, type RawBuilder, type Transaction } from 'kysely'
import type { DB } from '../database/schema.ts'
import { EnrollmentError, failure } from '../errors.ts'
import { courseKeyOf } from './key.ts'

/** Who is put into a cohort, and where. */
export interface CohortAssignment {
  readonly userId: string
  readonly courseId: string
  /** The exact name. */
  readonly cohort: string
}

/**
 * Puts a learner into a cohort of a course run, out of the one that they are in (rest-v1 §1.10).
 *
 * @param send carries out the statement, e.g. together with the commit.
 * @throws {EnrollmentError} `cohortNotFound`, `invalidCourseKey`
 */
export async function assignToCohort(
  db: Kysely<DB>,
  { userId, courseId, cohort }: CohortAssignment,
  send: (statement: CompiledQuery) => Promise<QueryResult<unknown>> = (statement) => db.executeQuery(statement),
): Promise<void> {
  const membership = sql`
    select h.course_id, l.id, h.id
    from cohorts h join courses c on c.id = h.course_id join learners l on l.user_id = ${userId}::integer
    where c.course_key = ${courseKeyOf(courseId).stored} and h.name = ${cohort}`
  const { rows } = await send(upsertMembers(membership, { whoHasOne: 'moves' }).compile(db))
  if (rows.length === 0) throw new EnrollmentError(failure('cohortNotFound', { cohort }))
}

/** A learner in a cohort of a course run. */
export interface CohortMembership {
  readonly courseId: number
  readonly learnerId: number
  readonly cohortId: number
}

/** Puts learners into cohorts, no learner twice in one course run; rows are locked in one order. */
export async function joinCohorts(
  trx: Transaction<DB>,
  memberships: readonly CohortMembership[],
  options: UpsertOptions,
): Promise<void> {
  const sorted = sql`
    select course_id, learner_id, cohort_id
    from unnest(${memberships.map(({ courseId }) => courseId)}::integer[],
      ${memberships.map(({ learnerId }) => learnerId)}::integer[],
      ${memberships.map(({ cohortId }) => cohortId)}::integer[]) as m (course_id, learner_id, cohort_id)
    order by course_id, learner_id`
  await upsertMembers(sorted, options).execute(trx)
}

interface UpsertOptions {
  /** What happens to a learner who is in a cohort of the course run already. */
  readonly whoHasOne: 'moves' | 'stays'
}

function upsertMembers(memberships: RawBuilder<unknown>, { whoHasOne }: UpsertOptions): RawBuilder<unknown> {
  const onConflict = whoHasOne === 'moves' ? sql`update set cohort_id = excluded.cohort_id` : sql`nothing`
  return sql`
    insert into cohort_members (course_id, learner_id, cohort_id) ${memberships}
    on conflict (course_id, learner_id) do ${onConflict}
    returning cohort_id`
}
