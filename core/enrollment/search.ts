import { sql, type Kysely, type RawBuilder } from 'kysely'
import { courseKeyOf } from '../course/key.ts'
import { isBigint } from '../database/bigint.ts'
import type { DB } from '../database/schema.ts'
import { foldEmail } from '../learner/email-address.ts'
import type { Enrollment } from './command.ts'
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
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{6})?Z) (\d{1,19})$/.exec(
    Buffer.from(cursor, 'base64url').toString(),
  )
  const [, created, id] = match ?? []
  if (created === undefined || id === undefined || !isInstant(created) || !isBigint(id)) return null
  return { created, id }
}

/** Whether PostgreSQL takes it as well: `Date` reads 30 February as 2 March, and knows a year 0. */
function isInstant(text: string): boolean {
  const date = new Date(text)
  return text >= '0001' && !Number.isNaN(date.getTime()) && date.toISOString().slice(0, 19) === text.slice(0, 19)
}

// Conditions of `selectEnrollments`. A course run may have few of very many enrollments, or most of them. The planner knows
// which if it is told the id; if it has to look that up, it takes every course run for one of middling size, and sorts all
// enrollments of a large one for each page. So the ids are read before.

/** The ids of the course runs with these stored keys. */
export function idsOfCourses(db: Kysely<DB>, keys: readonly string[]): Promise<number[]> {
  return courseIds(db, sql<boolean>`course_key = any (${keys}::text[])`)
}

/** The ids of the course runs that have one of the texts in their key, in any case. */
export function idsOfCoursesLike(db: Kysely<DB>, parts: readonly string[]): Promise<number[]> {
  const patterns = parts.map((part) => `%${foldEmail(part).replaceAll(/[\\%_]/g, String.raw`\$&`)}%`)
  // Folded as addresses are: the letters of `ilike` depend on the locale of the database, e.g. a Turkish one.
  return courseIds(db, sql<boolean>`fold_email(course_key) like any (${patterns}::text[])`)
}

async function courseIds(db: Kysely<DB>, condition: RawBuilder<boolean>): Promise<number[]> {
  const courses = await db.selectFrom('courses').select('id').where(condition).execute()
  return courses.map(({ id }) => id)
}

/** Of one of the course runs. */
export function ofCourses(ids: readonly number[]): RawBuilder<boolean> {
  const [id] = ids
  // A single course is an equality, so that its index gives the order of the page as well.
  if (id !== undefined && ids.length === 1) return sql`e.course_id = ${id}::integer`
  return sql`e.course_id = any (${ids}::integer[])`
}

/** Of the learners with one of the usernames, which are exact. */
export function ofUsernames(usernames: readonly string[]): RawBuilder<boolean> {
  return sql`l.username = any (${usernames}::text[])`
}

/** Of the learners with one of the e-mail addresses, in any case. */
export function ofEmails(emails: readonly string[]): RawBuilder<boolean> {
  return sql`fold_email(l.email) = any (${emails.map(foldEmail)}::text[])`
}
