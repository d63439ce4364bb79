import { CompiledQuery, type Kysely } from 'kysely'
import { arrayLiteral } from '../database/columns.ts'
import type { DB } from '../database/schema.ts'
import type { ClosedReason } from '../errors.ts'
import type { Policy } from '../policy.ts'
import { closedFor } from './enrollment-closed.ts'
import type { Course } from './course.ts'
import { parseCourseKey } from './key.ts'
import { availableModes } from './mode.ts'
import { readCoursesAtOnce } from './read.ts'
import { SEATS_TAKEN } from './seats.ts'

/** A course run with what it offers now: its `modes` are those that are offered, its seats those that are taken. */
export interface CourseOffer extends Course {
  /** Null: no limit. */
  readonly seatsTaken: number | null
  /** Why an ordinary learner without an allowance cannot enroll; null: they can. */
  readonly closed: ClosedReason | null
}

/**
 * Reads course runs with what they offer now, in as many statements for a thousand as for one.
 *
 * @returns one element per key, in order; null where the key is malformed, or no course run has it.
 */
export async function readCourseOffers(
  db: Kysely<DB>,
  courseIds: readonly string[],
  { policy, now }: { readonly policy: Policy; readonly now: Date },
): Promise<(CourseOffer | null)[]> {
  const keys = courseIds.map(parseCourseKey)
  const stored = [...new Set(keys.flatMap((key) => key?.stored ?? []))]
  const courses = await readCoursesAtOnce(db, stored)
  const seats = await readSeatsTaken(db, stored)
  return keys.map((key) => {
    const course = key && courses.get(key.stored)
    if (!course) return null
    return {
      ...course,
      seatsTaken: seats.get(course.courseId) ?? null,
      modes: availableModes(course.modes, { includeExpired: false }, policy, now),
      closed: closedFor({ ...ANYBODY, course: { ...course, deprecatedKey: key.deprecated } }, policy, now),
    }
  })
}

const ANYBODY = {
  learner: { id: 0, isActive: true, isStaff: false, isSuperuser: false, isCourseTeam: false },
  allowance: null,
}

async function readSeatsTaken(db: Kysely<DB>, keys: readonly string[]): Promise<Map<string, number>> {
  const { rows } = await db.executeQuery<{ course_key: string; seats_taken: string }>(
    CompiledQuery.raw(LIMITED, [arrayLiteral(keys)]),
  )
  return new Map(rows.map((row) => [row.course_key, Number(row.seats_taken)]))
}

const LIMITED = `/* course.seats */
select c.course_key, ${SEATS_TAKEN} as seats_taken
from courses c
where c.course_key = any ((select $1::text[])::text[]) and c.max_enrollments is not null`
