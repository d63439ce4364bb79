import { CompiledQuery, type Transaction } from 'kysely'
import type { DB } from '../database/schema.ts'
import type { Attribute } from './attributes.ts'

/** Replaces the attributes of enrollments, each list in its order. Belongs into a transaction. */
export async function replaceAttributes(
  trx: Transaction<DB>,
  enrollments: readonly { enrollmentId: string; attributes: readonly Attribute[] }[],
): Promise<void> {
  const ids = enrollments.map(({ enrollmentId }) => enrollmentId)
  await trx.deleteFrom('enrollment_attributes').where('enrollment_id', 'in', ids).execute()
  const rows = enrollments.flatMap(({ enrollmentId, attributes }) =>
    attributes.map((attribute, position) => ({ enrollmentId, position, ...attribute })),
  )
  if (rows.length === 0) return
  await trx.executeQuery(
    CompiledQuery.raw(
      `insert into enrollment_attributes (enrollment_id, position, namespace, name, value)
       select * from unnest($1::bigint[], $2::smallint[], $3::text[], $4::text[], $5::text[])`,
      [
        rows.map((row) => row.enrollmentId),
        rows.map((row) => row.position),
        rows.map((row) => row.namespace),
        rows.map((row) => row.name),
        rows.map((row) => row.value),
      ],
    ),
  )
}

/**
 * Claims allowances for their first users, who join the cohorts that were meant for them. Comes
 * before the enrollments are written.
 *
 * @returns the ids that were still unclaimed.
 */
export async function claimAllowances(
  trx: Transaction<DB>,
  claims: readonly { allowanceId: number; learnerId: number }[],
): Promise<Set<number>> {
  const { rows } = await trx.executeQuery<{ id: number }>(
    CompiledQuery.raw(
      `with claim as (select * from unnest($1::integer[], $2::integer[]) as c (id, learner_id)),
       unclaimed as materialized (
         select w.id, w.email, w.course_key, c.learner_id from enrollment_allowances w join claim c using (id)
         where w.claimed_by is null order by w.id for update of w),
       expected as (
         delete from cohort_preassignments p using unclaimed u join courses on courses.course_key = u.course_key
         where p.course_id = courses.id and lower(p.email) = lower(u.email)
         returning p.course_id, u.learner_id, p.cohort_id),
       joined as (
         insert into cohort_members (course_id, learner_id, cohort_id)
         select course_id, learner_id, cohort_id from expected order by course_id, learner_id
         on conflict (course_id, learner_id) do nothing)
       update enrollment_allowances w set claimed_by = u.learner_id from unclaimed u where w.id = u.id returning w.id`,
      [claims.map((claim) => claim.allowanceId), claims.map((claim) => claim.learnerId)],
    ),
  )
  return new Set(rows.map((row) => row.id))
}
