import { sql, type Transaction } from 'kysely'
import type { DB } from '../database/schema.ts'
import { joinCohorts } from './cohort.ts'

/**
 * Claims allowances for their first users, who join the cohorts that were meant for them. Comes before the enrollments are
 * written.
 *
 * @returns the ids of the allowances that nobody had claimed yet.
 */
export async function claimAllowances(
  trx: Transaction<DB>,
  claims: readonly { allowanceId: number; learnerId: number }[],
): Promise<Set<number>> {
  const { rows } = await sql<{ id: number; learner_id: number; cohorts: ExpectedCohort[] }>`
    with claim as (
      select * from unnest(${claims.map((claim) => claim.allowanceId)}::integer[],
        ${claims.map((claim) => claim.learnerId)}::integer[]) as c (id, learner_id)
    ), unclaimed as materialized (
      select w.id, w.email, w.course_key, c.learner_id from enrollment_allowances w join claim c using (id)
      where w.claimed_by is null order by w.id for update of w
    ), expected as (
      delete from cohort_preassignments p using unclaimed u join courses on courses.course_key = u.course_key
      where p.course_id = courses.id and fold_email(p.email) = fold_email(u.email)
      returning u.id, p.course_id, p.cohort_id
    ), claimed as (
      update enrollment_allowances w set claimed_by = u.learner_id from unclaimed u where w.id = u.id
      returning w.id, u.learner_id
    )
    select id, learner_id, (
      select coalesce(json_agg(json_build_object('courseId', e.course_id, 'cohortId', e.cohort_id)), '[]')
      from expected e where e.id = claimed.id) as cohorts
    from claimed`.execute(trx)
  const memberships = rows.flatMap(({ learner_id: learnerId, cohorts }) =>
    cohorts.map((cohort) => ({ learnerId, ...cohort })),
  )
  if (memberships.length > 0) await joinCohorts(trx, memberships, { whoHasOne: 'stays' })
  return new Set(rows.map((row) => row.id))
}

interface ExpectedCohort {
  readonly courseId: number
  readonly cohortId: number
}
