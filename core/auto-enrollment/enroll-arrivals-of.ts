import { sql, type Transaction } from 'kysely'
import { instantFromDate } from '../database/instant.ts'
import type { DB } from '../database/schema.ts'
import { plainCommand, type BatchItem, type Result } from '../enrollment/command.ts'
import { enrollMany } from '../enrollment/enroll.ts'
import { EnrollmentError } from '../errors.ts'
import type { Policy } from '../policy.ts'
import type { ArrivalVia } from './arrivals.ts'

/**
 * Enrolls some of the accounts that have arrived, with their events and their audit.
 *
 * @param ids of arrivals.
 * @returns how many accounts were looked at: those that another process is at are not.
 * @throws {EnrollmentError} `unavailable`; what the database throws where somebody holds a row that is needed.
 */
export async function enrollArrivalsOf(
  trx: Transaction<DB>,
  ids: readonly string[],
  { policy, now }: { readonly policy: Policy; readonly now: Date },
): Promise<number> {
  const arrivals = await takeArrivals(trx, ids)
  if (arrivals.length === 0) return 0
  const due = await readDue(trx, arrivals)
  if (due.length === 0) return arrivals.length
  const results = await enrollMany(
    trx,
    due.map((one) => itemOf(one, now)),
    policy,
  )
  for (const result of results) {
    if (!result.ok && result.error.code === 'unavailable') throw new EnrollmentError(result.error)
  }
  const isKept = due.map((_, index) => isOwnedByLms(results[index]))
  await keepWaiting(
    trx,
    due.filter((_, index) => isKept[index]),
  )
  await settle(
    trx,
    due.filter((_, index) => !isKept[index]),
    results.filter((_, index) => !isKept[index]),
    now,
  )
  return arrivals.length
}

interface Arrival {
  readonly learner_id: number
  readonly via: ArrivalVia
  /** The course run that it is about; null: all. */
  readonly course_key: string | null
}

/** Whom another process is at, it keeps. */
async function takeArrivals(trx: Transaction<DB>, ids: readonly string[]): Promise<Arrival[]> {
  const { rows } = await sql<Arrival>`
    delete from auto_enrollment_arrivals where id in (
      select id from auto_enrollment_arrivals where id = any (${ids}::bigint[]) order by id for update skip locked
    ) returning learner_id, via, course_key`.execute(trx)
  return rows
}

/** An allowance that is to enroll an active account. */
interface Due {
  readonly id: number
  readonly email: string
  readonly course_key: string
  readonly learner_id: number
  readonly user_id: number
  readonly username: string
  readonly via: ArrivalVia
  /** Of the manual enrollment that promised it; null: none did. */
  readonly actor_id: number | null
  readonly reason: string | null
}

/** The lock comes first, so that an arrival of the same account in another process is over by then, or waits. */
async function readDue(trx: Transaction<DB>, arrivals: readonly Arrival[]): Promise<Due[]> {
  const ids = arrivals.map((arrival) => arrival.learner_id)
  await sql`select id from learners where id = any (${ids}::integer[]) order by id for no key update`.execute(trx)
  const { rows } = await sql<Due>`
    select distinct on (w.id) w.id, w.email, w.course_key, l.id as learner_id, l.user_id, l.username, a.via, m.actor_id,
      m.reason
    from unnest(${ids}::integer[], ${arrivals.map(({ via }) => via)}::text[],
      ${arrivals.map(({ course_key: key }) => key)}::text[]) as a (learner_id, via, course_key)
    join learners l on l.id = a.learner_id and l.is_active
    join enrollment_allowances w on fold_email(w.email) = fold_email(l.email)
      and w.course_key = coalesce(a.course_key, w.course_key)
      and w.auto_enroll and w.claimed_by is null and w.auto_enroll_settled is null
    left join lateral (
      select actor_id, reason from manual_enrollments
      where fold_email(email) = fold_email(w.email) and course_key = w.course_key order by id desc limit 1
    ) m on true
    order by w.id`.execute(trx)
  return rows
}

function itemOf({ course_key: courseId, user_id: userId, username, via, reason }: Due, now: Date): BatchItem {
  return {
    command: {
      ...plainCommand,
      learner: { userId: String(userId) },
      courseId,
      path: 'admit',
      isActive: true,
      reason,
    },
    metadata: { actor: { kind: 'user', name: username }, via, now },
  }
}

function isOwnedByLms(result: Result | undefined): boolean {
  return result?.ok === false && result.error.code === 'ownedByLms'
}

/** In a course run of the LMS nobody is enrolled from here: those who have arrived wait until it is owned here. */
async function keepWaiting(trx: Transaction<DB>, due: readonly Due[]): Promise<void> {
  if (due.length === 0) return
  const rows = due.map(({ learner_id, via, course_key }) => ({ learner_id, via, course_key }))
  await trx.insertInto('auto_enrollment_arrivals').values(rows).execute()
}

/** What the audit of manual enrollment says of it, as the LMS writes it. */
const TRANSITION = 'from allowed to enroll to enrolled'

async function settle(trx: Transaction<DB>, due: readonly Due[], results: readonly Result[], now: Date): Promise<void> {
  const at = instantFromDate(now)
  await sql`update enrollment_allowances set auto_enroll_settled = ${at}::timestamptz
    where id = any (${due.map(({ id }) => id)}::integer[])`.execute(trx)
  const audit = due.flatMap((one, index) => {
    const result = results[index]
    if (one.actor_id === null || !result?.ok || result.outcome.kind === 'unchanged') return []
    return {
      actor_id: one.actor_id,
      email: one.email,
      course_key: one.course_key,
      enrollment_id: result.outcome.enrollment.id,
      transition: TRANSITION,
      reason: one.reason,
      created: at,
    }
  })
  if (audit.length > 0) await trx.insertInto('manual_enrollments').values(audit).execute()
}
