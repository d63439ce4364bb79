import { CompiledQuery, type Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import type { EnrollmentEvent } from './event.ts'

/** The event types of Open edX that are about enrollments. */
export const OPENEDX_TYPES = {
  changed: 'org.openedx.learning.course.enrollment.changed.v1',
  created: 'org.openedx.learning.course.enrollment.created.v1',
  unenrolled: 'org.openedx.learning.course.unenrollment.completed.v1',
} as const

export type OpenedxType = (typeof OPENEDX_TYPES)[keyof typeof OPENEDX_TYPES]

/** `UserData` of openedx-events. */
export interface OpenedxUser {
  id: number
  is_active: boolean
  pii: { username: string; email: string; name: string }
}

/** `CourseEnrollmentData` of openedx-events; dates as Python's `isoformat()` writes them. */
export interface OpenedxEnrollment {
  user: OpenedxUser
  course: { course_key: string; display_name: string; start: string | null; end: string | null }
  mode: string
  is_active: boolean
  creation_date: string
  created_by: OpenedxUser | null
}

/** What {@link openedxEnrollment} needs beside the event, as it is by now. */
export interface OpenedxFacts {
  readonly learner: AccountFacts
  readonly course: { readonly displayName: string | null; readonly start: string | null; readonly end: string | null }
  /** When the enrollment was made, ISO 8601, UTC. */
  readonly created: string
  /** The account that acted; null where none did. */
  readonly actor: AccountFacts | null
}

export interface AccountFacts {
  /** As the platform knows it (decision 21). */
  readonly userId: number
  readonly username: string
  readonly email: string | null
  readonly name: string
  readonly isActive: boolean
}

/** The event types that follow from a change, in the order in which they are sent (events.md §4). */
export function openedxTypesOf({ kind, after }: Pick<EnrollmentEvent, 'kind' | 'after'>): readonly OpenedxType[] {
  const { changed, created, unenrolled } = OPENEDX_TYPES
  if (kind === 'deactivated') return [changed, unenrolled]
  const isEntry = kind === 'created' || kind === 'reactivated'
  return isEntry && after.isActive ? [changed, created] : [changed]
}

/** What Open edX's events say of an enrollment: mode and activity after the change, the rest as it is by now (events.md §4). */
export function openedxEnrollment({ courseId, after }: EnrollmentEvent, facts: OpenedxFacts): OpenedxEnrollment {
  const { learner, course, created, actor } = facts
  return {
    user: userOf(learner),
    course: {
      course_key: courseId,
      display_name: course.displayName ?? '',
      start: course.start === null ? null : pythonIsoFormat(course.start),
      end: course.end === null ? null : pythonIsoFormat(course.end),
    },
    mode: after.mode,
    is_active: after.isActive,
    creation_date: pythonIsoFormat(created),
    created_by: actor === null ? null : userOf(actor),
  }
}

function userOf({ userId, isActive, username, email, name }: AccountFacts): OpenedxUser {
  return { id: userId, is_active: isActive, pii: { username, email: email ?? '', name } }
}

/**
 * An instant as Python's `isoformat()` writes one in UTC: `+00:00`, and six digits of a fraction that is not zero.
 *
 * @param instant ISO 8601 with `Z` and no fraction, or one of at most six digits.
 */
export function pythonIsoFormat(instant: string): string {
  const [seconds = '', fraction = ''] = instant.slice(0, -1).split('.')
  const micros = fraction.padEnd(6, '0')
  return micros === '000000' ? `${seconds}+00:00` : `${seconds}.${micros}+00:00`
}

/** Reads in one statement what Open edX's events say of some changes; in the order of the events. */
export async function readOpenedxEnrollments(
  db: Kysely<DB>,
  events: readonly EnrollmentEvent[],
): Promise<{ readonly event: EnrollmentEvent; readonly enrollment: OpenedxEnrollment }[]> {
  if (events.length === 0) return []
  const enrollmentIds = events.map(({ enrollmentId }) => enrollmentId)
  const actors = events.map(({ actor }) => (actor.kind === 'user' ? actor.name : null))
  const { rows } = await db.executeQuery<FactsRow>(CompiledQuery.raw(FACTS, [enrollmentIds, actors]))
  return rows.flatMap((row) => {
    const event = events[row.place - 1]
    return event === undefined ? [] : [{ event, enrollment: openedxEnrollment(event, factsOf(row)) }]
  })
}

interface FactsRow {
  /** Of the event, from 1. */
  readonly place: number
  readonly created: string
  readonly display_name: string | null
  readonly starts: string | null
  readonly ends: string | null
  readonly user_id: number
  readonly username: string
  readonly email: string | null
  readonly name: string
  readonly is_active: boolean
  readonly actor_user_id: number | null
  readonly actor_username: string | null
  readonly actor_email: string | null
  readonly actor_name: string | null
  readonly actor_is_active: boolean | null
}

// Of an event that is shown, the enrollment is there: enrollments, accounts and course runs are never deleted.
const FACTS = `/* event.openedxFacts */
select i.place::integer as place, e.created, c.display_name, c.starts, c.ends,
  l.user_id, l.username, l.email, l.name, l.is_active,
  a.user_id as actor_user_id, a.username as actor_username, a.email as actor_email, a.name as actor_name,
  a.is_active as actor_is_active
from unnest($1::bigint[], $2::text[]) with ordinality as i (enrollment_id, actor, place)
join enrollments e on e.id = i.enrollment_id
join learners l on l.id = e.learner_id
join courses c on c.id = e.course_id
left join learners a on a.username = i.actor
order by i.place`

function factsOf(row: FactsRow): OpenedxFacts {
  const { user_id: userId, username, email, name, is_active: isActive } = row
  return {
    learner: { userId, username, email, name, isActive },
    course: { displayName: row.display_name, start: row.starts, end: row.ends },
    created: row.created,
    actor: actorOf(row),
  }
}

function actorOf(row: FactsRow): AccountFacts | null {
  const { actor_user_id: userId, actor_username: username, actor_email: email } = row
  if (userId === null || username === null) return null
  return { userId, username, email, name: row.actor_name ?? '', isActive: row.actor_is_active ?? false }
}
