import type { Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import type { BatchItem } from './command.ts'
import { readFacts } from './facts.ts'
import { knownCourseOf } from './foresee.ts'
import { knownCoursesOf } from './known-courses.ts'

/**
 * Makes the course runs of a batch known of which nothing is known, by the facts of one command of each.
 *
 * @param db a pool.
 * @param items that are likely to be decided ahead then.
 * @param options.atMost the share of the batch that may be read for it.
 * @returns how many they were; null: it would have been more, and nothing was read.
 */
export async function learnCourses(
  db: Kysely<DB>,
  items: readonly BatchItem[],
  { atMost }: { readonly atMost: number },
): Promise<number | null> {
  const courses = knownCoursesOf(db)
  const unknown = items.filter(({ command }) => knownCourseOf(command, courses) === undefined)
  const oneOfEach = new Map(unknown.map(({ command }) => [command.courseId, command]))
  if (oneOfEach.size > items.length * atMost) return null
  if (oneOfEach.size > 0) await readFacts(db, [...oneOfEach.values()])
  return oneOfEach.size
}
