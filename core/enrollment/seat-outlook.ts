import type { Kysely } from 'kysely'
import { perObject } from '../database/per-pool.ts'
import type { DB } from '../database/schema.ts'
import { knownCoursesOf, type KnownCourse } from './known-courses.ts'
import type { AttemptResult } from './results.ts'

/**
 * Whether it pays to lock the seats of a course run before anything is read: where the last attempt under the lock wrote nothing,
 * because the course run is full or everybody was there before, the next one reads first, and holds up nobody.
 */
const outlookOf = perObject((_course: KnownCourse) => ({ writes: true }))

/** Whether the next attempt locks the seats of a course run before it reads. */
export function locksSeatsFirst(course: KnownCourse): boolean {
  return outlookOf(course).writes
}

/**
 * Notes what became of an attempt under the lock of seats.
 *
 * @param db the pool.
 */
export function noteSeats(db: Kysely<DB>, courseKeys: readonly string[], results: readonly AttemptResult[]): void {
  const written = new Set(results.flatMap((result) => courseOfWritten(result) ?? []))
  const courses = knownCoursesOf(db)
  for (const key of courseKeys) {
    const known = courses.get(key)
    if (known !== undefined) outlookOf(known).writes = written.has(key)
  }
}

function courseOfWritten(result: AttemptResult): string | null {
  if (typeof result !== 'object' || !result.ok || result.outcome.kind === 'unchanged') return null
  return result.outcome.enrollment.courseId
}
