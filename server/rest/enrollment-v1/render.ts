import type { Kysely } from 'kysely'
import type { z } from 'zod'
import type { Course } from '../../../core/course/course.ts'
import { parseCourseKey } from '../../../core/course/key.ts'
import { availableModes, type Mode } from '../../../core/course/mode.ts'
import { readCourses } from '../../../core/course/read.ts'
import type { DB } from '../../../core/database/schema.ts'
import type { Enrollment } from '../../../core/enrollment/command.ts'
import type { Policy } from '../../../core/policy.ts'
import type { courseDetails, mode } from '../openapi/course.ts'
import type { enrollment } from '../openapi/enrollment.ts'

// The bodies of rest-v1 §3.0. The order of the keys is that on the wire.

export type RenderedCourse = z.infer<typeof courseDetails>
export type RenderedEnrollment = z.infer<typeof enrollment>
type RenderedMode = z.infer<typeof mode>

/** What decides which modes a course offers. */
export interface Offer {
  readonly includeExpired: boolean
  readonly policy: Policy
  readonly now: Date
}

/** Reads the courses of enrollments and renders both, in order. */
export async function readAndRenderEnrollments(
  db: Kysely<DB>,
  enrollments: readonly Enrollment[],
  offer: Omit<Offer, 'includeExpired'>,
): Promise<RenderedEnrollment[]> {
  const courses = await readCourses(
    db,
    enrollments.map(({ courseId }) => courseId),
  )
  return enrollments.map((enrollment) => renderEnrollment(enrollment, courses.get(enrollment.courseId), offer))
}

/** Reads a course run and renders it; null when there is none, or the text is no course key. */
export async function readAndRenderCourse(
  db: Kysely<DB>,
  courseId: string,
  offer: Offer,
): Promise<RenderedCourse | null> {
  const key = parseCourseKey(courseId)
  const course = key && (await readCourses(db, [key.stored])).get(key.stored)
  return course ? renderCourse(course, offer) : null
}

/** An enrollment, whose course shows the modes that have not expired. */
export function renderEnrollment(
  enrollment: Enrollment,
  course: Course | undefined,
  offer: Omit<Offer, 'includeExpired'>,
): RenderedEnrollment {
  return {
    created: enrollment.created,
    mode: enrollment.mode,
    is_active: enrollment.isActive,
    course_details: course === undefined ? null : renderCourse(course, { ...offer, includeExpired: false }),
    user: enrollment.username,
  }
}

function renderCourse(course: Course, { includeExpired, policy, now }: Offer): RenderedCourse {
  return {
    course_id: course.courseId,
    course_name: course.displayName,
    enrollment_start: course.enrollmentStart,
    enrollment_end: course.enrollmentEnd,
    course_start: course.start,
    course_end: course.end,
    invite_only: course.invitationOnly,
    course_modes: availableModes(course.modes, { includeExpired }, policy, now).map(renderMode),
    pacing_type: course.selfPaced ? 'Self Paced' : 'Instructor Paced',
  }
}

function renderMode(mode: Mode): RenderedMode {
  return {
    slug: mode.slug,
    name: mode.name,
    min_price: mode.minPrice,
    suggested_prices: mode.suggestedPrices,
    currency: mode.currency,
    expiration_datetime: mode.expires,
    description: mode.description,
    sku: mode.sku,
    bulk_sku: mode.bulkSku,
  }
}
