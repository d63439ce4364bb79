import { CompiledQuery, type Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'

/**
 * Why an enrollment is in the list: the LMS refuses it; it cannot be said to the LMS; it has failed several times, and is tried
 * on; or it was still to be sent when its course run became one of the LMS.
 */
export type ListedState = 'refused' | 'unsent' | 'failing' | 'left'

/** An enrollment that the LMS does not have as it is here, and that may need somebody. */
export interface ListedMirrorPair {
  readonly enrollmentId: string
  readonly username: string
  readonly courseId: string
  readonly mode: string
  readonly isActive: boolean
  readonly version: number
  readonly state: ListedState
  readonly failures: number
  /** In the words of the LMS, where it has said something. */
  readonly lastError: string | null
  readonly noted: string
  /** Null: it is not tried again by itself. */
  readonly nextAttemptAt: string | null
}

/** How the mirror stands. */
export interface MirrorStatus {
  /** Still to be sent, those included that fail. */
  readonly due: number
  readonly refused: number
  readonly unsent: number
  readonly failing: number
  readonly left: number
  /** Seconds for which the oldest one has been due. */
  readonly oldestDueSeconds: number
  /** Until then nothing is sent. */
  readonly pausedUntil: string | null
  /** What was failed with last, of what is still tried. */
  readonly lastError: string | null
}

/** So often a pair fails before it is listed. */
export const LISTED_AFTER = 3

/** What is listed at a time. */
const MAX_LISTED = 10_000

/** SQL: the state of a pair `p` of a course run `c`, as it is listed; null: it is merely due. */
const STATE = `case when p.state <> 'due' then p.state when c.owner <> 'here' then 'left'
  when p.failures >= ${LISTED_AFTER} then 'failing' end`

/** Lists what may need somebody, the oldest first; 10 000 at most. */
export async function listMirror(db: Kysely<DB>): Promise<ListedMirrorPair[]> {
  const { rows } = await db.executeQuery<ListedMirrorPair>(CompiledQuery.raw(LIST, []))
  return rows
}

const LIST = `/* lms.mirror.list */
select p.enrollment_id as "enrollmentId", l.username, c.course_key as "courseId", e.mode, e.is_active as "isActive", e.version,
  ${STATE} as state, p.failures, p.last_error as "lastError", p.noted,
  case when p.state = 'due' and c.owner = 'here' then p.next_attempt_at end as "nextAttemptAt"
from lms_mirror_pairs p
join enrollments e on e.id = p.enrollment_id join learners l on l.id = e.learner_id join courses c on c.id = e.course_id
where ${STATE} is not null
order by p.noted, p.position limit ${MAX_LISTED}`

/** Reads how the mirror stands. */
export async function readMirrorStatus(db: Kysely<DB>): Promise<MirrorStatus> {
  const { rows } = await db.executeQuery<Record<keyof MirrorStatus, string | null>>(CompiledQuery.raw(STATUS, []))
  const [row] = rows
  const number = (key: keyof MirrorStatus) => Number(row?.[key] ?? 0)
  return {
    due: number('due'),
    refused: number('refused'),
    unsent: number('unsent'),
    failing: number('failing'),
    left: number('left'),
    oldestDueSeconds: number('oldestDueSeconds'),
    pausedUntil: row?.pausedUntil ?? null,
    lastError: row?.lastError ?? null,
  }
}

const STATUS = `/* lms.mirror.status */
with pairs as (
  select p.noted, p.failed_at, p.last_error, p.state = 'due' and c.owner = 'here' as is_due, ${STATE} as state
  from lms_mirror_pairs p join enrollments e on e.id = p.enrollment_id join courses c on c.id = e.course_id
), pace as (select last_error, case when paused_until > now() then paused_until end as paused_until from lms_mirror_pace)
select count(*) filter (where is_due) as due, count(*) filter (where state = 'refused') as refused,
  count(*) filter (where state = 'unsent') as unsent, count(*) filter (where state = 'failing') as failing,
  count(*) filter (where state = 'left') as left,
  extract(epoch from now() - min(noted) filter (where is_due)) as "oldestDueSeconds",
  (select paused_until from pace) as "pausedUntil",
  coalesce((select last_error from pace), (
    select last_error from pairs where is_due and failed_at is not null order by failed_at desc limit 1
  )) as "lastError"
from pairs`

/** Which pairs a command is about: an id of an enrollment, or `username,course`; null: all that are listed. */
export type PairName = string | null

/**
 * Has listed pairs sent again, as they are now.
 *
 * @returns how many.
 */
export async function retryMirror(db: Kysely<DB>, name: PairName): Promise<number> {
  const { rows } = await db.executeQuery(CompiledQuery.raw(RETRY, namedBy(name)))
  return rows.length
}

/**
 * Takes a pair off the list: somebody has repaired it. The next change of it is sent.
 *
 * @returns how many.
 */
export async function dropMirror(db: Kysely<DB>, name: string): Promise<number> {
  const { rows } = await db.executeQuery(CompiledQuery.raw(DROP, namedBy(name)))
  return rows.length
}

/** SQL: the pairs that are named. */
const NAMED = `select p.enrollment_id from lms_mirror_pairs p
  join enrollments e on e.id = p.enrollment_id join learners l on l.id = e.learner_id join courses c on c.id = e.course_id
  where ($1::bigint is null or p.enrollment_id = $1::bigint)
    and ($2::text is null or (l.username = $2::text and c.course_key = $3::text))
    and (p.claimed_by is null or p.next_attempt_at < now())`

const RETRY = `/* lms.mirror.retry */
update lms_mirror_pairs p set state = 'due', next_attempt_at = now(), failures = 0
where p.enrollment_id in (${NAMED} and (${STATE} is not null or $1::bigint is not null or $2::text is not null))
returning true`

const DROP = `/* lms.mirror.drop */ delete from lms_mirror_pairs where enrollment_id in (${NAMED}) returning true`

function namedBy(name: PairName): [id: string | null, username: string | null, courseId: string | null] {
  if (name === null) return [null, null, null]
  if (/^\d{1,18}$/.test(name)) return [name, null, null]
  const comma = name.indexOf(',')
  return [null, name.slice(0, Math.max(comma, 0)), name.slice(comma + 1)]
}
