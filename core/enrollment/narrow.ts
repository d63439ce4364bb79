import { sql, type Kysely, type RawBuilder } from 'kysely'
import type { DB } from '../database/schema.ts'

// Conditions of `selectEnrollments`. A course run may have few of very many enrollments, or most of them. The planner knows
// which if it is told the id; if it has to look that up, it takes every course run for one of middling size, and sorts all
// enrollments of a large one for each page. So the ids are read before.

/** The ids of the course runs with these stored keys. */
export function idsOfCourses(db: Kysely<DB>, keys: readonly string[]): Promise<number[]> {
  return courseIds(db, sql<boolean>`course_key = any (${keys}::text[])`)
}

/** The ids of the course runs that have one of the texts in their key, in any case. */
export function idsOfCoursesLike(db: Kysely<DB>, parts: readonly string[]): Promise<number[]> {
  const patterns = parts.map((part) => `%${part.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`)
  return courseIds(db, sql<boolean>`course_key ilike any (${patterns}::text[])`)
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
  return sql`lower(l.email) in (select lower(x) from unnest(${emails}::text[]) x)`
}
