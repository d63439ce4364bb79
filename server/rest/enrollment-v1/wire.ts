import type { z } from 'zod'
import type { Course } from '../../../core/course/course.ts'
import { availableModes, type Mode } from '../../../core/course/mode.ts'
import type { Enrollment } from '../../../core/enrollment/command.ts'
import type { Policy } from '../../../core/policy.ts'
import type { courseDetails, mode } from '../openapi/course.ts'
import type { enrollment } from '../openapi/enrollment.ts'

/** The bodies of rest-v1 §3.0. The order of the keys is that on the wire. */
export type WireCourse = z.infer<typeof courseDetails>
export type WireEnrollment = z.infer<typeof enrollment>
type WireMode = z.infer<typeof mode>

/** What decides which modes a course offers. */
export interface Offer {
  readonly includeExpired: boolean
  readonly policy: Policy
  readonly now: Date
}

/** The course details of rest-v1 §3.0. */
export function wireCourse(course: Course, { includeExpired, policy, now }: Offer): WireCourse {
  return {
    course_id: course.courseId,
    course_name: course.displayName,
    enrollment_start: course.enrollmentStart,
    enrollment_end: course.enrollmentEnd,
    course_start: course.start,
    course_end: course.end,
    invite_only: course.invitationOnly,
    course_modes: availableModes(course.modes, { includeExpired }, policy, now).map(wireMode),
    pacing_type: course.selfPaced ? 'Self Paced' : 'Instructor Paced',
  }
}

/** The enrollment of rest-v1 §3.0, whose course shows the modes that have not expired. */
export function wireEnrollment(
  enrollment: Enrollment,
  course: Course | undefined,
  offer: Omit<Offer, 'includeExpired'>,
): WireEnrollment {
  return {
    created: enrollment.created,
    mode: enrollment.mode,
    is_active: enrollment.isActive,
    course_details: course === undefined ? null : wireCourse(course, { ...offer, includeExpired: false }),
    user: enrollment.username,
  }
}

function wireMode(mode: Mode): WireMode {
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
