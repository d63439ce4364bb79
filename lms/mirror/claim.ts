import { CompiledQuery, type Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'

/** An enrollment that this process is to send. */
export interface ClaimedPair {
  readonly enrollmentId: string
  /** How often it has failed since it was changed here. */
  readonly failures: number
}

/** Who claims. */
export interface Claim {
  /** Names a process. */
  readonly sender: string
  /** For so long it has what it claims to itself, in milliseconds: longer than a request may take. */
  readonly leaseMs: number
}

/**
 * Claims the enrollment that has been due for the longest time, of the course runs of this service. Any number of processes may
 * do so: each enrollment is with one of them.
 *
 * @returns null: none is due.
 */
export async function claimNext(db: Kysely<DB>, { sender, leaseMs }: Claim): Promise<ClaimedPair | null> {
  const query = CompiledQuery.raw(CLAIM, [sender, leaseMs])
  const { rows } = await db.executeQuery<{ enrollment_id: string; failures: number }>(query)
  const [row] = rows
  return row === undefined ? null : { enrollmentId: row.enrollment_id, failures: row.failures }
}

const CLAIM = `/* lms.mirror.claim */
with due as materialized (
  select p.enrollment_id from lms_mirror_pairs p
  join enrollments e on e.id = p.enrollment_id join courses c on c.id = e.course_id
  where p.state = 'due' and p.next_attempt_at <= clock_timestamp() and c.owner = 'here'
  order by p.next_attempt_at, p.position limit 1
  for update of p skip locked
)
update lms_mirror_pairs p set claimed_by = $1::uuid, next_attempt_at = clock_timestamp() + $2::float8 * interval '1 ms'
from due where p.enrollment_id = due.enrollment_id
returning p.enrollment_id, p.failures`

/**
 * Makes a claim last from now on.
 *
 * @returns whether it is still ours.
 */
export async function renewClaim(db: Kysely<DB>, enrollmentId: string, claim: Claim): Promise<boolean> {
  const query = CompiledQuery.raw(RENEW, [enrollmentId, claim.sender, claim.leaseMs])
  const { rows } = await db.executeQuery(query)
  return rows.length > 0
}

const RENEW = `/* lms.mirror.renew */
update lms_mirror_pairs set next_attempt_at = clock_timestamp() + $3::float8 * interval '1 ms'
where enrollment_id = $1::bigint and claimed_by = $2::uuid returning true`

/** Gives a claim back: others may take it after a while. */
export async function releaseClaim(
  db: Kysely<DB>,
  enrollmentId: string,
  { sender, waitMs }: { readonly sender: string; readonly waitMs: number },
): Promise<void> {
  await db.executeQuery(CompiledQuery.raw(RELEASE, [enrollmentId, sender, waitMs]))
}

const RELEASE = `/* lms.mirror.release */
update lms_mirror_pairs set claimed_by = null, next_attempt_at = clock_timestamp() + $3::float8 * interval '1 ms'
where enrollment_id = $1::bigint and claimed_by = $2::uuid`
