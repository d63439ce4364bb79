import { z } from 'zod'
import type { Course } from '../core/course/course.ts'
import type { Mode } from '../core/course/mode.ts'
import type { CourseOffer } from '../core/course/offers.ts'
import type { Enrollment, Outcome } from '../core/enrollment/command.ts'
import type { EnrollmentEvent, HeldBack } from '../core/event/event.ts'
import type { Failure } from '../core/errors.ts'

// What the operations answer (rpc §2 and §3), for tools, documentation and tests.

/** ISO 8601, UTC. */
const instant = z.string()

export const enrollment: z.ZodType<Enrollment> = z.strictObject({
  id: z.string(),
  version: z.number().int().min(1),
  userId: z.string(),
  username: z.string(),
  courseId: z.string(),
  mode: z.string(),
  isActive: z.boolean(),
  created: instant,
  updated: instant,
})

const state = z.strictObject({ mode: z.string(), isActive: z.boolean() })
export const changeKind = z.enum(['created', 'reactivated', 'modeChanged', 'deactivated'])

export const outcome: z.ZodType<Outcome> = z.strictObject({
  kind: z.enum([...changeKind.options, 'unchanged']),
  enrollment,
  before: state.nullable(),
  eventId: z.string().nullable(),
})

export const failure = z.strictObject({
  code: z.string(),
  message: z.string(),
  details: z.looseObject({}),
}) as unknown as z.ZodType<Failure> // The details of each code are in rpc §4.

const place = { index: z.number().int().min(0), ref: z.string().exactOptional() }

export const batchResult = z.union([
  z.strictObject({ ...place, ok: z.literal(true), outcome }),
  z.strictObject({ ...place, ok: z.literal(false), error: failure }),
])

export const batchAnswer = z.strictObject({
  batchId: z.string(),
  /** `replayed`: the rest is the answer that the first call with the same idempotency key got. */
  status: z.enum(['applied', 'planned', 'rolledBack', 'replayed']),
  /** How many results there are of each kind and of each error code; they add up to the number of items. */
  counts: z.record(z.string(), z.number()),
  results: z.array(batchResult),
})

export const searchPage = z.strictObject({ items: z.array(enrollment), nextCursor: z.string().nullable() })

const mode: z.ZodType<Mode> = z.strictObject({
  slug: z.string(),
  name: z.string(),
  minPrice: z.number(),
  suggestedPrices: z.string(),
  currency: z.string(),
  expires: instant.nullable(),
  description: z.string().nullable(),
  sku: z.string().nullable(),
  bulkSku: z.string().nullable(),
})

const courseFields = {
  courseId: z.string(),
  displayName: z.string(),
  start: instant.nullable(),
  end: instant.nullable(),
  enrollmentStart: instant.nullable(),
  enrollmentEnd: instant.nullable(),
  invitationOnly: z.boolean(),
  maxEnrollments: z.number().int().nullable(),
  selfPaced: z.boolean(),
  modes: z.array(mode),
}

export const course: z.ZodType<Course> = z.strictObject(courseFields)

export const courseOffer: z.ZodType<CourseOffer> = z.strictObject({
  ...courseFields,
  seatsTaken: z.number().int().nullable(),
  closed: z.enum(['notStarted', 'ended', 'invitationOnly', 'allowanceTaken']).nullable(),
})

export const event: z.ZodType<EnrollmentEvent> = z.strictObject({
  id: z.string(),
  cursor: z.string(),
  enrollmentId: z.string(),
  version: z.number().int().min(1),
  kind: changeKind,
  userId: z.string(),
  username: z.string(),
  courseId: z.string(),
  before: state.nullable(),
  after: state,
  actor: z.strictObject({ kind: z.enum(['service', 'user', 'system']), name: z.string() }),
  via: z.enum(['rest', 'rpc', 'caller', 'bulk', 'cli']),
  reason: z.string().nullable(),
  enterpriseUuid: z.string().nullable(),
  requestId: z.string().nullable(),
  batchId: z.string().nullable(),
  at: instant,
})

export const events = z.array(event)

const heldBack: z.ZodType<HeldBack> = z.strictObject({
  since: instant.nullable(),
  by: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('transaction'), pid: z.number().int(), applicationName: z.string() }),
    z.strictObject({ kind: z.literal('prepared'), gid: z.string() }),
  ]),
})

export const eventPage = z.strictObject({ events, cursor: z.string(), heldBack: heldBack.nullable() })
