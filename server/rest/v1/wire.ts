import type { Course } from '../../../core/course/course.ts'
import { availableModes, type Mode } from '../../../core/course/mode.ts'
import type { Enrollment } from '../../../core/enrollment/command.ts'
import type { Policy } from '../../../core/policy.ts'

/** The bodies of rest-v1 §3.0. The order of the keys is that on the wire. */
export interface WireMode {
  slug: string
  name: string
  min_price: number
  suggested_prices: string
  currency: string
  expiration_datetime: string | null
  description: string | null
  sku: string | null
  bulk_sku: string | null
}

export interface WireCourse {
  course_id: string
  course_name: string
  enrollment_start: string | null
  enrollment_end: string | null
  course_start: string | null
  course_end: string | null
  invite_only: boolean
  course_modes: WireMode[]
  pacing_type: 'Self Paced' | 'Instructor Paced'
}

export interface WireEnrollment {
  created: string
  mode: string
  is_active: boolean
  /** Null when the course no longer exists. */
  course_details: WireCourse | null
  user: string
}

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
