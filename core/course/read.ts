import { sql, type Kysely } from 'kysely'
import { coalescedRead } from '../database/coalesced-read.ts'
import type { DB } from '../database/schema.ts'
import { EnrollmentError, failure } from '../errors.ts'
import type { Policy } from '../policy.ts'
import { COURSE_COLUMNS, MODE_COLUMNS } from './columns.ts'
import type { Course } from './course.ts'
import { courseKeyOf, parseCourseKey } from './key.ts'
import { availableModes, type Mode } from './mode.ts'

/**
 * Reads one course run with the modes that it offers.
 *
 * @throws {EnrollmentError} `invalidCourseKey`, `courseNotFound`
 */
export async function getCourse(
  db: Kysely<DB>,
  courseId: string,
  { includeExpired, policy, now }: { includeExpired: boolean; policy: Policy; now: Date },
): Promise<Course> {
  const { stored } = courseKeyOf(courseId)
  const course = (await readCourses(db, [stored])).get(stored)
  if (course === undefined) throw new EnrollmentError(failure('courseNotFound', { courseId }))
  return { ...course, modes: availableModes(course.modes, { includeExpired }, policy, now) }
}

/**
 * Reads course runs with all their modes, expired ones included.
 *
 * @param keys stored keys; unknown ones are absent in the answer.
 */
export async function readCourses(db: Kysely<DB>, keys: readonly string[]): Promise<Map<string, Course>> {
  const distinct = [...new Set(keys)]
  const found = await Promise.all(distinct.map(async (key) => [key, await courseByKey(db, key)] as const))
  return new Map(found.flatMap(([key, course]) => (course === undefined ? [] : [[key, course]])))
}

/** Like {@link readCourses}, but in two statements of its own, whatever the number of keys. */
export async function readCoursesAtOnce(db: Kysely<DB>, keys: readonly string[]): Promise<Map<string, Course>> {
  const courses = await db
    .selectFrom('courses')
    .select(['id', ...COURSE_COLUMNS])
    .where('course_key', '=', sql<string>`any (${keys}::text[])`)
    .execute()
  const modes = await readModes(
    db,
    courses.map((course) => course.id),
  )
  return new Map(
    courses.map(({ id, displayName, ...course }) => [
      course.courseId,
      { ...course, displayName: displayName ?? nameFromKey(course.courseId), modes: modes.get(id) ?? [] },
    ]),
  )
}

const courseByKey = coalescedRead(readCoursesAtOnce)

async function readModes(db: Kysely<DB>, courseIds: readonly number[]): Promise<Map<number, Mode[]>> {
  if (courseIds.length === 0) return new Map()
  const rows = await db
    .selectFrom('course_modes')
    .select(['course_id', ...MODE_COLUMNS])
    .where('course_id', '=', sql<number>`any (${courseIds}::integer[])`)
    .orderBy('id')
    .execute()
  const modes = new Map<number, Mode[]>()
  for (const { course_id: courseId, ...mode } of rows) {
    const ofCourse = modes.get(courseId)
    if (ofCourse) ofCourse.push(mode)
    else modes.set(courseId, [mode])
  }
  return modes
}

/** The name of a course run that has none of its own, made of its key. */
export function nameFromKey(stored: string): string {
  const key = parseCourseKey(stored)
  return key === null
    ? stored
    : [key.course, key.run]
        .filter((part) => part !== '')
        .join(' ')
        .replaceAll('_', ' ')
}
