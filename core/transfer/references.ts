import { sql, type Kysely } from 'kysely'
import type { CourseKey } from '../course/key.ts'
import type { DB } from '../database/schema.ts'
import { quote } from './printable.ts'

/** Finds the ids of accounts; unknown usernames are absent. */
export async function learnerIds(db: Kysely<DB>, usernames: readonly string[]): Promise<Map<string, number>> {
  const rows = await db
    .selectFrom('learners')
    .select(['id', 'username'])
    .where('username', '=', sql<string>`any (${[...new Set(usernames)]}::text[])`)
    .execute()
  return new Map(rows.map((row) => [row.username, row.id]))
}

/** Finds the ids of course runs by their stored key; unknown ones are absent. */
export async function courseIds(db: Kysely<DB>, keys: readonly CourseKey[]): Promise<Map<string, number>> {
  const stored = [...new Set(keys.map((key) => key.stored))]
  const rows = await db
    .selectFrom('courses')
    .select(['id', 'course_key'])
    .where('course_key', '=', sql<string>`any (${stored}::text[])`)
    .execute()
  return new Map(rows.map((row) => [row.course_key, row.id]))
}

/** The words for a username that nobody has. */
export function noAccount(username: string): string {
  return `there is no account ${quote(username)}`
}

/** The words for a course key that no course run has. */
export function noCourse(key: CourseKey): string {
  return `there is no course run ${quote(key.stored)}`
}
