import { sql, type Kysely } from 'kysely'
import type { CourseKey } from '../course/key.ts'
import type { DB } from '../database/schema.ts'
import { resolveLearners } from '../learner/resolve.ts'
import type { Added } from './group-importer.ts'
import { quote } from './printable.ts'

/** Gives the id of what a line refers to by name; undefined where there is none, or only a later line adds it. */
export type Find = (name: string, lineNumber: number) => number | undefined

/** Finds accounts by username. */
export async function learnerFinder(db: Kysely<DB>, usernames: readonly string[], { accounts }: Added): Promise<Find> {
  const { byId } = await resolveLearners(db, { usernames: [...new Set(usernames)] })
  return finder(
    [...byId.values()].map(({ id, username: name }) => ({ id, name })),
    accounts,
  )
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

/** Whether a line may refer to a name: not where a later line adds it. */
export function isThere(added: ReadonlyMap<string, number>, name: string, lineNumber: number): boolean {
  return added.size === 0 || (added.get(name) ?? 0) < lineNumber
}

/** Finds rows by their names, as the lines of a transaction may refer to them. */
export function finder(rows: readonly { id: number; name: string }[], added: ReadonlyMap<string, number>): Find {
  const ids = new Map(rows.map((row) => [row.name, row.id]))
  return (name, lineNumber) => (isThere(added, name, lineNumber) ? ids.get(name) : undefined)
}

/** What a failure says of a username that nobody has. */
export function noAccount(username: string): string {
  return `there is no account ${quote(username)}`
}

/** What a failure says of a course key that no course run has. */
export function noCourse(key: CourseKey): string {
  return `there is no course run ${quote(key.stored)}`
}
