import { sql, type Transaction } from 'kysely'
import { instantFromDate } from '../database/instant.ts'
import type { DB } from '../database/schema.ts'
import type { CohortJoin, Ledger } from './ledger.ts'

/** A row of the audit of manual enrollment. */
export interface AuditEntry {
  readonly email: string | null
  readonly courseKey: string
  readonly enrollmentId: string | null
  readonly transition: string
}

/**
 * Writes what a request did beside the enrollments, each kind in one statement, rows in a fixed order. Belongs into the
 * transaction of the enrollments.
 *
 * @param by.actorId the account of whoever asked.
 */
export async function writeLedger(
  trx: Transaction<DB>,
  ledger: Ledger,
  audit: readonly AuditEntry[],
  by: { readonly actorId: number; readonly reason: string | null; readonly autoEnroll: boolean; readonly now: Date },
): Promise<void> {
  const at = instantFromDate(by.now)
  const invitations = [...ledger.invitations.values()]
  const joins = [...ledger.joins.values()]
  if (invitations.length > 0) await inviteAll(trx, invitations, by.autoEnroll, at)
  if (ledger.withdrawals.size > 0) await withdrawAll(trx, [...ledger.withdrawals])
  const [members, expected] = [joins.filter(hasAccount), joins.filter((place) => !hasAccount(place))]
  if (members.length > 0) await joinAll(trx, members)
  if (expected.length > 0) await preassignAll(trx, expected)
  if (audit.length > 0) await appendAudit(trx, audit, by, at)
}

async function inviteAll(
  trx: Transaction<DB>,
  invitations: readonly { email: string; courseKey: string }[],
  autoEnroll: boolean,
  at: string,
): Promise<void> {
  const emails = invitations.map(({ email }) => email)
  const keys = invitations.map(({ courseKey }) => courseKey)
  await sql`
    insert into enrollment_allowances (email, course_key, auto_enroll, created)
    select email, course_key, ${autoEnroll}::boolean, ${at}::timestamptz
    from unnest(${emails}::text[], ${keys}::text[]) as i (email, course_key)
    order by lower(email), course_key
    on conflict (lower(email), course_key) do update set auto_enroll = excluded.auto_enroll`.execute(trx)
}

async function withdrawAll(trx: Transaction<DB>, ids: readonly number[]): Promise<void> {
  await sql`
    with withdrawn as materialized (
      select id from enrollment_allowances where id = any (${ids}::integer[])
      order by lower(email), course_key for update
    ) delete from enrollment_allowances w using withdrawn where w.id = withdrawn.id`.execute(trx)
}

function hasAccount({ learnerId }: CohortJoin): boolean {
  return learnerId !== null
}

async function joinAll(trx: Transaction<DB>, members: readonly CohortJoin[]): Promise<void> {
  await sql`
    insert into cohort_members (course_id, learner_id, cohort_id)
    select course_id, learner_id, cohort_id
    from unnest(${members.map((place) => place.courseId)}::integer[],
      ${members.map((place) => place.learnerId)}::integer[],
      ${members.map((place) => place.cohortId)}::integer[]) as m (course_id, learner_id, cohort_id)
    order by course_id, learner_id
    on conflict (course_id, learner_id) do update set cohort_id = excluded.cohort_id`.execute(trx)
}

async function preassignAll(trx: Transaction<DB>, expected: readonly CohortJoin[]): Promise<void> {
  await sql`
    insert into cohort_preassignments (course_id, email, cohort_id)
    select course_id, email, cohort_id
    from unnest(${expected.map((place) => place.courseId)}::integer[],
      ${expected.map((place) => place.email)}::text[],
      ${expected.map((place) => place.cohortId)}::integer[]) as p (course_id, email, cohort_id)
    order by lower(email), course_id
    on conflict (lower(email), course_id) do update set cohort_id = excluded.cohort_id`.execute(trx)
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
