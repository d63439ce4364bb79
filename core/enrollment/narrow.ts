import { sql, type RawBuilder } from 'kysely'

// Conditions of `selectEnrollments`. A course run may have few of very many enrollments: where it is joined, the planner
// would rather walk through all of them in the order of the page, so its key is looked up before.

/** Of one of the course runs, by their stored keys. */
export function ofCourses(keys: readonly string[]): RawBuilder<boolean> {
  const [key] = keys
  // A single course is an equality, so that its index gives the order of the page as well.
  if (key !== undefined && keys.length === 1)
    return sql`e.course_id = (select id from courses where course_key = ${key})`
  return sql`e.course_id = any (array(select id from courses where course_key = any (${keys}::text[])))`
}

/** Of the course runs that have one of the texts in their key, in any case. */
export function ofCoursesLike(parts: readonly string[]): RawBuilder<boolean> {
  const patterns = parts.map((part) => `%${part.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`)
  return sql`e.course_id = any (array(select id from courses where course_key ilike any (${patterns}::text[])))`
}

/** Of the learners with one of the usernames, which are exact. */
export function ofUsernames(usernames: readonly string[]): RawBuilder<boolean> {
  return sql`l.username = any (${usernames}::text[])`
}

/** Of the learners with one of the e-mail addresses, in any case. */
export function ofEmails(emails: readonly string[]): RawBuilder<boolean> {
  return sql`lower(l.email) in (select lower(x) from unnest(${emails}::text[]) x)`
}
