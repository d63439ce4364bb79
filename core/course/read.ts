import { sql, type Kysely } from 'kysely'
import { coalescedRead } from '../database/coalesced-read.ts'
import type { DB } from '../database/schema.ts'
import { EnrollmentError, failure } from '../errors.ts'
import type { Policy } from '../policy.ts'
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

/** The same in two statements of its own, whatever the number of keys. */
export async function readCoursesAtOnce(db: Kysely<DB>, keys: readonly string[]): Promise<Map<string, Course>> {
  const courses = await db
    .selectFrom('courses')
    .select([
      'id',
      'course_key',
      'display_name',
      'starts',
      'ends',
      'enrollment_start',
      'enrollment_end',
      'invitation_only',
      'max_enrollments',
      'self_paced',
    ])
    .where('course_key', '=', sql<string>`any (${keys}::text[])`)
    .execute()
  const modes = await readModes(
    db,
    courses.map((course) => course.id),
  )
  return new Map(
    courses.map((row) => [
      row.course_key,
      {
        courseId: row.course_key,
        displayName: row.display_name ?? nameFromKey(row.course_key),
        start: row.starts,
        end: row.ends,
        enrollmentStart: row.enrollment_start,
        enrollmentEnd: row.enrollment_end,
        invitationOnly: row.invitation_only,
        maxEnrollments: row.max_enrollments,
        selfPaced: row.self_paced,
        modes: modes.get(row.id) ?? [],
      },
    ]),
  )
}

const courseByKey = coalescedRead(readCoursesAtOnce)

async function readModes(db: Kysely<DB>, courseIds: readonly number[]): Promise<Map<number, Mode[]>> {
  if (courseIds.length === 0) return new Map()
  const rows = await db
    .selectFrom('course_modes')
    .select([
      'course_id',
      'slug',
      'name',
      'min_price',
      'suggested_prices',
      'currency',
      'expires',
      'description',
      'sku',
      'bulk_sku',
    ])
    .where('course_id', '=', sql<number>`any (${courseIds}::integer[])`)
    .orderBy('id')
    .execute()
  const modes = Map.groupBy(rows, (row) => row.course_id)
  return new Map([...modes].map(([courseId, group]) => [courseId, group.map(modeOf)]))
}

function modeOf(row: {
  slug: string
  name: string
  min_price: number
  suggested_prices: string
  currency: string
  expires: string | null
  description: string | null
  sku: string | null
  bulk_sku: string | null
}): Mode {
  return {
    slug: row.slug,
    name: row.name,
    minPrice: row.min_price,
    suggestedPrices: row.suggested_prices,
    currency: row.currency,
    expires: row.expires,
    description: row.description,
    sku: row.sku,
    bulkSku: row.bulk_sku,
  }
}

/** A course run without a name is shown by its key. */
export function nameFromKey(stored: string): string {
  const key = parseCourseKey(stored)
  return key === null
    ? stored
    : [key.course, key.run]
        .filter((part) => part !== '')
        .join(' ')
        .replaceAll('_', ' ')
}
