import { sql, type Kysely } from 'kysely'
import { courseKeyOf } from '../course/key.ts'
import type { DB } from '../database/schema.ts'
import type { Enrollment } from './command.ts'
import { idsOfCourses, ofCourses, ofEmails, ofUsernames } from './narrow.ts'
import { enrollmentOf, selectEnrollments } from './read.ts'

/** Filters that are combined with AND; an absent one does not filter. */
export interface SearchFilter {
  readonly courseIds?: readonly string[] | undefined
  readonly usernames?: readonly string[] | undefined
  /** Compared case-insensitively after trimming. */
  readonly emails?: readonly string[] | undefined
  readonly modes?: readonly string[] | undefined
  readonly isActive?: boolean | undefined
  /** ISO 8601: only what changed at or after this instant. */
  readonly changedSince?: string | undefined
}

/** The place of an enrollment in the order of a search. */
export interface SearchPosition {
  readonly created: string
  readonly id: string
}

export interface SearchPage {
  items: Enrollment[]
  /** Continues the search; null on the last page. */
  nextCursor: string | null
}

/**
 * Searches enrollments, active or not, newest first, a page at a time. Pages are found by key, so that each row is seen
 * exactly once whatever is inserted meanwhile.
 *
 * @throws {EnrollmentError} `invalidCourseKey`
 */
export async function searchEnrollments(
  db: Kysely<DB>,
  filter: SearchFilter,
  page: { limit: number; after: SearchPosition | null },
): Promise<SearchPage> {
  const { courseIds, usernames, emails, modes, isActive, changedSince } = filter
  let query = selectEnrollments(db)
  if (courseIds) {
    const stored = courseIds.map((courseId) => courseKeyOf(courseId).stored)
    query = query.where(ofCourses(await idsOfCourses(db, stored)))
  }
  if (usernames) query = query.where(ofUsernames(usernames))
  if (emails) query = query.where(ofEmails(emails.map((email) => email.trim())))
  if (modes) query = query.where(sql<boolean>`e.mode = any (${modes}::text[])`)
  if (isActive !== undefined) query = query.where('e.is_active', '=', isActive)
  if (changedSince !== undefined) query = query.where('e.updated', '>=', changedSince)
  if (page.after) {
    const { created, id } = page.after
    query = query.where(sql<boolean>`(e.created, e.id) < (${created}::timestamptz, ${id}::bigint)`)
  }
  const rows = await query
    .orderBy('e.created', 'desc')
    .orderBy('e.id', 'desc')
    .limit(page.limit + 1)
    .execute()
  const items = rows.slice(0, page.limit).map(enrollmentOf)
  const last = items.at(-1)
  return { items, nextCursor: rows.length > page.limit && last ? encodeSearchCursor(last) : null }
}

/** The opaque text of a position. */
export function encodeSearchCursor({ created, id }: SearchPosition): string {
  return Buffer.from(`${created} ${id}`).toString('base64url')
}

/** Reads what {@link encodeSearchCursor} wrote; null for anything else. */
export function decodeSearchCursor(cursor: string): SearchPosition | null {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{6})?Z) (\d{1,18})$/.exec(
    Buffer.from(cursor, 'base64url').toString(),
  )
  const [, created, id] = match ?? []
  if (created === undefined || id === undefined || !isInstant(created)) return null
  return { created, id }
}

/** Whether PostgreSQL would read it as well: `Date` takes 30 February for 2 March, and knows a year 0. */
function isInstant(text: string): boolean {
  const date = new Date(text)
  return text >= '0001' && !Number.isNaN(date.getTime()) && date.toISOString().slice(0, 19) === text.slice(0, 19)
}
