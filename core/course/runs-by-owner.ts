import { sql, type Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'

/**
 * Those of course runs whose enrollments this service writes, in the order of the keys, each once.
 *
 * @param keys stored keys; unknown ones are left out.
 */
export async function runsOwnedHere(db: Kysely<DB>, keys: readonly string[]): Promise<string[]> {
  if (keys.length === 0) return []
  const rows = await db
    .selectFrom('courses')
    .select('course_key')
    .where('course_key', '=', sql<string>`any (${keys}::text[])`)
    .where('owner', '=', 'here')
    .execute()
  const here = new Set(rows.map((row) => row.course_key))
  return [...new Set(keys)].filter((key) => here.has(key))
}

/** Whether there is such a course run, and its enrollments are not changed here. */
export async function isOwnedByLms(db: Kysely<DB>, storedKey: string): Promise<boolean> {
  const row = await db.selectFrom('courses').select('owner').where('course_key', '=', storedKey).executeTakeFirst()
  return row !== undefined && row.owner !== 'here'
}
