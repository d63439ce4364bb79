import { sql, type Kysely } from 'kysely'
import type { CourseKey } from '../course/key.ts'
import type { DB } from '../database/schema.ts'
import type { Added } from './outcome.ts'
import { quote } from './printable.ts'

/** Gives the id behind a name that stands in a line; undefined where nothing has that name, or only a later line adds it. */
export type Find = (name: string, lineNumber: number) => number | undefined

/** Finds accounts by username. */
export async function learnerFinder(db: Kysely<DB>, usernames: readonly string[], { accounts }: Added): Promise<Find> {
  const rows = await db
    .selectFrom('learners')
    .select(['id', 'username as name'])
    .where('username', '=', sql<string>`any (${[...new Set(usernames)]}::text[])`)
    .execute()
  return finder(rows, accounts)
}

/** Finds course runs by their stored key. */
export async function courseFinder(db: Kysely<DB>, keys: readonly CourseKey[], { courses }: Added): Promise<Find> {
  const stored = [...new Set(keys.map((key) => key.stored))]
  const rows = await db
    .selectFrom('courses')
    .select(['id', 'course_key as name'])
    .where('course_key', '=', sql<string>`any (${stored}::text[])`)
    .execute()
  return finder(rows, courses)
}

/** Whether a line may refer to a name: unless a later line adds it. */
export function isThere(added: ReadonlyMap<string, number>, name: string, lineNumber: number): boolean {
  return (added.get(name) ?? 0) < lineNumber
}

/** Finds rows by their names, as the lines of a transaction may refer to them. */
export function finder(rows: readonly { id: number; name: string }[], added: ReadonlyMap<string, number>): Find {
  const ids = new Map(rows.map((row) => [row.name, row.id]))
  return (name, lineNumber) => (isThere(added, name, lineNumber) ? ids.get(name) : undefined)
}

/** The words for a username that nobody has. */
export function noAccount(username: string): string {
  return `there is no account ${quote(username)}`
}

/** The words for a course key that no course run has. */
export function noCourse(key: CourseKey): string {
  return `there is no course run ${quote(key.stored)}`
}
