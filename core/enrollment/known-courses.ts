import type { Course } from '../course/course.ts'
import type { CourseKey } from '../course/key.ts'
import { perPool } from '../database/per-pool.ts'
import type { CourseFacts } from './decide.ts'

/** A course run as it was when it was read last. */
export interface KnownCourse {
  readonly courseKey: CourseKey
  readonly course: CourseFacts & Course
  /** Another number for each state of the course run and its modes: it is still so where the number is the same. */
  readonly revision: string
  /** Whether roles make a difference, see `facts-sql.ts`. */
  readonly mindsRoles: boolean
  /** Whether it had allowances, which the revision says nothing of. */
  readonly hasAllowances: boolean
}

/** What a process knows of course runs; whether it is still so has to be asked in the snapshot in which it is relied on. */
export interface KnownCourses {
  /** @param key without branch and version. */
  get(key: string): KnownCourse | undefined
  keep(known: KnownCourse): void
  /** There is no such course run. */
  forget(key: string): void
}

/** Course runs that are remembered at a time: those that were needed last. */
const MAX_COURSES = 2_000

/** Characters of the longest one that is: all of them together take a few megabytes. */
const MAX_LENGTH = 8_000

/** What is known on a pool. */
export const knownCoursesOf = perPool(() => createKnownCourses())

/** @param maxCourses how many are remembered at a time. */
export function createKnownCourses(maxCourses = MAX_COURSES): KnownCourses {
  // A Map has its keys in the order in which they were set: the first one has waited longest.
  const byKey = new Map<string, KnownCourse>()
  // A batch asks for the same one again and again.
  let askedLast: string | undefined
  return {
    get(key) {
      const known = byKey.get(key)
      if (known === undefined || key === askedLast) return known
      askedLast = key
      byKey.delete(key)
      byKey.set(key, known)
      return known
    },
    keep(known) {
      const key = known.courseKey.stored
      const before = byKey.get(key)
      byKey.delete(key)
      if (before?.revision !== known.revision && JSON.stringify(known.course).length > MAX_LENGTH) return
      byKey.set(key, known)
      askedLast = key
      for (const oldest of byKey.keys()) {
        if (byKey.size <= maxCourses) break
        byKey.delete(oldest)
      }
    },
    forget: (key) => void byKey.delete(key),
  }
}
