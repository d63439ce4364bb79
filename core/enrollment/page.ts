import { sql, type Kysely } from 'kysely'
import type { CourseKey } from '../course/key.ts'
import type { DB } from '../database/schema.ts'
import type { Enrollment } from './command.ts'
import { enrollmentOf, selectEnrollments } from './read.ts'
import {
  decodeSearchCursor,
  encodeSearchCursor,
  idsOfCourses,
  idsOfCoursesLike,
  ofCourses,
  ofEmails,
  ofUsernames,
  type SearchPosition,
} from './search.ts'

/** Filters that are combined with AND; an absent one does not filter. */
export interface PageFilter {
  readonly course?: CourseKey | undefined
  /** Parts of course keys, in any case; one of them has to be in the key. */
  readonly courseKeyParts?: readonly string[] | undefined
  readonly usernames?: readonly string[] | undefined
  /** Compared case-insensitively. */
  readonly emails?: readonly string[] | undefined
}

/** Where a page begins: next to the enrollment `from`, which is not on it, in the given direction. */
export interface PageCursor {
  readonly direction: 'next' | 'previous'
  readonly from: SearchPosition
}

export interface EnrollmentPage {
  items: Enrollment[]
  /** The older ones; null: there are none. */
  next: PageCursor | null
  /** The newer ones; null: there are none. */
  previous: PageCursor | null
}

/**
 * Reads one page of all enrollments, active or not, newest first, and where the pages beside it are (rest-v1 §3.7, D7).
 * Pages are found by `created` and id, so that walking in one direction meets each enrollment once, however many were
 * created at the same instant.
 *
 * @param place.cursor null: the first page.
 */
export async function readEnrollmentPage(
  db: Kysely<DB>,
  filter: PageFilter,
  { cursor, size }: { cursor: PageCursor | null; size: number },
): Promise<EnrollmentPage> {
  const backwards = cursor?.direction === 'previous'
  const order = backwards ? 'asc' : 'desc'
  const all = filtered(db, filter, await coursesOf(db, filter))
  const rows = await (cursor ? all.where(beyond(cursor)) : all)
    .orderBy('e.created', order)
    .orderBy('e.id', order)
    .limit(size + 1)
    .execute()
  const items = rows.slice(0, size).map(enrollmentOf)
  if (backwards) items.reverse()
  const isThereMore = rows.length > size
  return {
    items,
    // The page that the reader comes from is not empty.
    next: backwards || isThereMore ? beside(items.at(-1), 'next') : null,
    previous: (backwards ? isThereMore : cursor !== null) ? beside(items[0], 'previous') : null,
  }
}

/** The opaque text of a cursor. */
export function encodePageCursor({ direction, from }: PageCursor): string {
  return `${direction === 'next' ? 'n' : 'p'}${encodeSearchCursor(from)}`
}

/** Reads what {@link encodePageCursor} wrote; null for anything else. */
export function decodePageCursor(text: string): PageCursor | null {
  const direction = { n: 'next', p: 'previous' }[text.slice(0, 1)]
  const from = decodeSearchCursor(text.slice(1))
  if (from === null || (direction !== 'next' && direction !== 'previous')) return null
  const cursor: PageCursor = { direction, from }
  return encodePageCursor(cursor) === text ? cursor : null
}

/** The ids of the course runs that each filter by course matches. */
function coursesOf(db: Kysely<DB>, { course, courseKeyParts }: PageFilter): Promise<number[][]> {
  return Promise.all([
    ...(course ? [idsOfCourses(db, [course.stored])] : []),
    ...(courseKeyParts ? [idsOfCoursesLike(db, courseKeyParts)] : []),
  ])
}

function filtered(db: Kysely<DB>, { usernames, emails }: PageFilter, courses: readonly number[][]) {
  let query = selectEnrollments(db)
  for (const ids of courses) query = query.where(ofCourses(ids))
  if (usernames) query = query.where(ofUsernames(usernames))
  if (emails) query = query.where(ofEmails(emails))
  return query
}

function beyond({ direction, from: { created, id } }: PageCursor) {
  const position = sql`(${created}::timestamptz, ${id}::bigint)`
  return direction === 'next'
    ? sql<boolean>`(e.created, e.id) < ${position}`
    : sql<boolean>`(e.created, e.id) > ${position}`
}

function beside(item: Enrollment | undefined, direction: PageCursor['direction']): PageCursor | null {
  return item ? { direction, from: { created: item.created, id: item.id } } : null
}
