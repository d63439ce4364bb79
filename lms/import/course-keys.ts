import type { Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'

/** The course runs that are here, by their keys. */
export interface CourseKeys {
  /** How the key of a course run is written here; null: there is no such run. */
  spellingOf(key: string): string | null
}

/**
 * Reads the keys of all course runs. Keys are compared as lower-cased code points (adoption.md §1), never as MySQL does; where
 * two runs differ in nothing but their case, only the exact key is meant.
 */
export async function readCourseKeys(db: Kysely<DB>): Promise<CourseKeys> {
  const rows = await db.selectFrom('courses').select('course_key').orderBy('id').execute()
  return courseKeys(rows.map(({ course_key }) => course_key))
}

/** The same of a list of keys. */
export function courseKeys(keys: readonly string[]): CourseKeys {
  const exact = new Set(keys)
  const folded = new Map<string, string>()
  for (const key of keys) if (!folded.has(key.toLowerCase())) folded.set(key.toLowerCase(), key)
  return { spellingOf: (key) => (exact.has(key) ? key : (folded.get(key.toLowerCase()) ?? null)) }
}
