import { sql, type Kysely } from 'kysely'
import { parseCourseKey } from '../../course/key.ts'
import { isOwnedHere, type StoredOwner } from '../../course/owner.ts'
import { TAKES_NO_SEAT } from '../../course/seats.ts'
import type { DB } from '../../database/schema.ts'
import { ANY_LEARNER } from '../../learner/lookup-sql.ts'
import { learnerLookup, type LearnerRef } from '../../learner/ref.ts'
import type { Policy } from '../../policy.ts'
import { fundedAmong } from './funding.ts'
import { decideUnlisted, type Unlisted } from './rule.ts'

/** A course run of a roster. */
export interface RosterRun {
  readonly id: number
  readonly courseId: string
  readonly isOwnedHere: boolean
}

/** Finds the course runs that have one of the keys, by the key as it is asked for. */
export async function readRuns(db: Kysely<DB>, keys: Iterable<string>): Promise<Map<string, RosterRun>> {
  const asked = [...new Set(keys)].map((key) => ({ key, stored: parseCourseKey(key)?.stored ?? null }))
  const { rows } = await sql<{ id: number; course_key: string; owner: StoredOwner }>`
    select id, course_key, owner from courses where course_key = any (${asked.map(({ stored }) => stored)}::text[])`.execute(
    db,
  )
  const runs = new Map(
    rows.map(({ id, course_key: courseId, owner }) => [
      courseId,
      { id, courseId, isOwnedHere: isOwnedHere({ owner }) },
    ]),
  )
  return new Map(
    asked.flatMap(({ key, stored }) => {
      const run = stored === null ? undefined : runs.get(stored)
      return run === undefined ? [] : [[key, run] as const]
    }),
  )
}

/** Finds the accounts of learners. @returns their internal ids in order; null: there is none. */
export async function readLearnerIds(db: Kysely<DB>, learners: readonly LearnerRef[]): Promise<(number | null)[]> {
  if (learners.length === 0) return []
  const lookups = learners.map(learnerLookup)
  const { rows } = await sql<{ id: number | null }>`
    select l.id
    from unnest(${lookups.map(({ username }) => username)}::text[], ${lookups.map(({ email }) => email)}::text[],
      ${lookups.map(({ userId }) => userId)}::integer[]) with ordinality as a (username, email, user_id, i)
    left join ${sql.raw(ANY_LEARNER)} on true
    order by a.i`.execute(db)
  return rows.map(({ id }) => id)
}

/** An active enrollment of a course run. */
export interface ActiveEnrollment {
  readonly id: string
  readonly learnerId: number
}

/** Reads the active enrollments of a course run in pages, oldest first, by an index that has all that is needed. */
export async function* readActive(db: Kysely<DB>, courseId: number): AsyncGenerator<ActiveEnrollment[]> {
  let [created, id] = ['-infinity', '0']
  for (;;) {
    const { rows } = await sql<{ id: string; learner_id: number; created: string; is_active: boolean }>`
      select id, learner_id, created, is_active from enrollments
      where course_id = ${courseId} and (created, id) > (${created}::timestamptz, ${id}::bigint)
      order by created, id limit ${PAGE}`.execute(db)
    const last = rows.at(-1)
    if (last === undefined) return
    created = last.created
    id = last.id
    yield rows.flatMap((row) => (row.is_active ? [{ id: row.id, learnerId: row.learner_id }] : []))
  }
}

const PAGE = 2000

/** Somebody who is active and not listed, and what becomes of them. */
export interface UnlistedLearner {
  readonly enrollmentId: string
  readonly version: number
  readonly mode: string
  readonly userId: number
  readonly username: string
  readonly takesNoSeat: boolean
  readonly verdict: Unlisted
}

export interface UnlistedOptions {
  readonly policy: Policy
  readonly removesFunded: boolean
}

/** Reads those of the enrollments that are active, and decides what becomes of them as nobody lists them. */
export async function readUnlisted(
  db: Kysely<DB>,
  enrollmentIds: readonly string[],
  { policy, removesFunded }: UnlistedOptions,
): Promise<UnlistedLearner[]> {
  if (enrollmentIds.length === 0) return []
  const { rows } = await sql<UnlistedRow>`
    select e.id, e.version, e.mode, l.user_id, l.username, ${sql.raw(TAKES_NO_SEAT)} as takes_no_seat,
      ${sql.raw(IS_COURSE_TEAM)} as is_course_team
    from enrollments e join learners l on l.id = e.learner_id join courses c on c.id = e.course_id
    where e.id = any (${enrollmentIds}::bigint[]) and e.is_active
    order by e.id`.execute(db)
  const ids = rows.map(({ id }) => id)
  const funded = removesFunded ? new Set<string>() : await fundedAmong(db, policy.funding ?? [], ids)
  return rows.map((row) => ({
    enrollmentId: row.id,
    version: row.version,
    mode: row.mode,
    userId: row.user_id,
    username: row.username,
    takesNoSeat: row.takes_no_seat,
    verdict: decideUnlisted({ isCourseTeam: row.is_course_team, isFunded: funded.has(row.id) }, { removesFunded }),
  }))
}

interface UnlistedRow {
  readonly id: string
  readonly version: number
  readonly mode: string
  readonly user_id: number
  readonly username: string
  readonly takes_no_seat: boolean
  readonly is_course_team: boolean
}

/** SQL: whether the learner of `e` teaches the course run `c`, or all of its organisation. */
const IS_COURSE_TEAM = `exists (
        select from roles r
        where r.learner_id = e.learner_id and r.org = c.org and coalesce(r.course_key, c.course_key) = c.course_key
          and r.role in ('staff', 'limited_staff', 'instructor', 'ccx_coach'))`
