import { sql, type Transaction } from 'kysely'
import { joinCohorts } from '../course/cohort.ts'
import { instantFromDate } from '../database/instant.ts'
import type { DB } from '../database/schema.ts'
import type { CohortPlace, PendingWrites } from './pending-writes.ts'

/** A row of the audit of manual enrollment. */
export interface AuditEntry {
  readonly email: string | null
  readonly courseKey: string
  readonly enrollmentId: string | null
  readonly transition: string
}

/**
 * Writes what a request did beside the enrollments, each kind in one statement, rows in a fixed order.
 *
 * @param trx the transaction of the enrollments.
 * @param by.actorId the account of the staff member.
 */
export async function writePending(
  trx: Transaction<DB>,
  writes: PendingWrites,
  audit: readonly AuditEntry[],
  by: { readonly actorId: number; readonly reason: string | null; readonly autoEnroll: boolean; readonly now: Date },
): Promise<void> {
  const at = instantFromDate(by.now)
  const allowances = [...writes.newAllowances.values()]
  const places = [...writes.cohortPlaces.values()]
  if (allowances.length > 0) await upsertAllowances(trx, allowances, by.autoEnroll, at)
  if (writes.deletedAllowances.size > 0) await deleteAllowances(trx, [...writes.deletedAllowances])
  const memberships = places.flatMap(({ learnerId, ...place }) => (learnerId === null ? [] : [{ ...place, learnerId }]))
  const preassigned = places.filter(({ learnerId }) => learnerId === null)
  if (memberships.length > 0) await joinCohorts(trx, memberships, { whoHasOne: 'moves' })
  if (preassigned.length > 0) await preassignCohorts(trx, preassigned)
  if (audit.length > 0) await appendAudit(trx, audit, by, at)
}

async function upsertAllowances(
  trx: Transaction<DB>,
  allowances: readonly { email: string; courseKey: string }[],
  autoEnroll: boolean,
  at: string,
): Promise<void> {
  const emails = allowances.map(({ email }) => email)
  const keys = allowances.map(({ courseKey }) => courseKey)
  await sql`
    insert into enrollment_allowances (email, course_key, auto_enroll, created)
    select email, course_key, ${autoEnroll}::boolean, ${at}::timestamptz
    from unnest(${emails}::text[], ${keys}::text[]) as i (email, course_key)
    order by fold_email(email), course_key
    on conflict (fold_email(email), course_key) do update set auto_enroll = excluded.auto_enroll`.execute(trx)
}

async function deleteAllowances(trx: Transaction<DB>, ids: readonly number[]): Promise<void> {
  await sql`
    with deleted as materialized (
      select id from enrollment_allowances where id = any (${ids}::integer[])
      order by fold_email(email), course_key for update
    ) delete from enrollment_allowances w using deleted where w.id = deleted.id`.execute(trx)
}

async function preassignCohorts(trx: Transaction<DB>, places: readonly CohortPlace[]): Promise<void> {
  await sql`
    insert into cohort_preassignments (course_id, email, cohort_id)
    select course_id, email, cohort_id
    from unnest(${places.map((place) => place.courseId)}::integer[],
      ${places.map((place) => place.email)}::text[],
      ${places.map((place) => place.cohortId)}::integer[]) as p (course_id, email, cohort_id)
    order by fold_email(email), course_id
    on conflict (fold_email(email), course_id) do update set cohort_id = excluded.cohort_id`.execute(trx)
}

async function appendAudit(
  trx: Transaction<DB>,
  audit: readonly AuditEntry[],
  { actorId, reason }: { readonly actorId: number; readonly reason: string | null },
  at: string,
): Promise<void> {
  await sql`
    insert into manual_enrollments (actor_id, email, course_key, enrollment_id, transition, reason, created)
    select ${actorId}::integer, email, course_key, enrollment_id, transition, ${reason}::text, ${at}::timestamptz
    from unnest(${audit.map((entry) => entry.email)}::text[], ${audit.map((entry) => entry.courseKey)}::text[],
      ${audit.map((entry) => entry.enrollmentId)}::bigint[], ${audit.map((entry) => entry.transition)}::text[])
      with ordinality as a (email, course_key, enrollment_id, transition, n)
    order by n`.execute(trx)
}
