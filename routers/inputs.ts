import { z } from 'zod'
import { attributePart, enterpriseUuid, reason } from '../core/enrollment/field-schemas.ts'
import type { LearnerRef } from '../core/learner/ref.ts'
import { storableText } from '../core/text.ts'
import { boundedArray } from './bounded-input.ts'

/** The fields that name a learner. Exactly one of them is sent (rpc §2). */
const learnerFields = {
  username: storableText(150).min(1).optional(),
  email: storableText(320).trim().min(1).optional(),
  userId: storableText(20).min(1).optional(),
}

/** In a batch what no account can be called is that row's `learnerNotFound`, never the batch's error. */
const looseLearnerFields = {
  username: z.string().optional(),
  email: z.string().optional(),
  userId: z.string().optional(),
}

/** The schema of an input that names a learner beside other fields. */
type WithLearner<T extends z.ZodRawShape> = z.ZodType<
  LearnerRef & z.output<z.ZodObject<T, z.core.$strict>>,
  LearnerRef & z.input<z.ZodObject<T, z.core.$strict>>
>

/** An input that names one learner, beside `fields`. */
export function withLearner<T extends z.ZodRawShape>(fields: T): WithLearner<T> {
  return namedOnce(z.strictObject({ ...learnerFields, ...fields }))
}

/** The same for an item of a batch. */
export function withLooseLearner<T extends z.ZodRawShape>(fields: T): WithLearner<T> {
  return namedOnce(z.strictObject({ ...looseLearnerFields, ...fields }))
}

/** The type says that exactly one name is there; this refinement is what makes the cast true. */
function namedOnce<T extends z.ZodRawShape>(schema: z.ZodType): WithLearner<T> {
  const refined = schema.refine((input) => namesIn(input) === 1, {
    error: 'Name the learner by exactly one of username, email and userId',
  })
  return refined as WithLearner<T>
}

function namesIn(input: unknown): number {
  const { username, email, userId } = input as { username?: unknown; email?: unknown; userId?: unknown }
  return Number(username !== undefined) + Number(email !== undefined) + Number(userId !== undefined)
}

/** Any text: whether it is a course key is the domain's question (`invalidCourseKey`). */
export const courseId = z.string()
const mode = storableText(100).min(1)

/** Parts may be absent on the wire: the domain says which one is missing (`invalidAttribute`). */
const attribute = z.strictObject({
  namespace: attributePart.optional(),
  name: attributePart.optional(),
  value: attributePart.optional(),
}) as unknown as z.ZodType<AttributeWire, Partial<AttributeWire>>

/** What an item of `attributes` says. */
export interface AttributeWire {
  namespace: string
  name: string
  value: string
}

const attributes = boundedArray(attribute, { max: 100 })

/** The fields of `enrollment.enroll` beside the learner (rpc §3.1). */
export const enrollFields = {
  courseId,
  mode: mode.optional(),
  isActive: z.boolean().default(true),
  whenEnrolled: z.enum(['keep', 'update']).default('keep'),
  force: z.boolean().default(false),
  enterpriseUuid: enterpriseUuid.optional(),
  attributes: attributes.optional(),
  reason: reason.optional(),
}

/** The fields of `enrollment.change` beside the learner. */
export const changeFields = {
  courseId,
  mode: mode.optional(),
  isActive: z.boolean().optional(),
  allowExpiredMode: z.boolean().default(false),
  attributes: attributes.optional(),
  expectedVersion: z.number().int().min(1).optional(),
  reason: reason.optional(),
}

/** A change that changes something. */
export function asksForSomething(input: { mode?: unknown; isActive?: unknown; attributes?: unknown }): boolean {
  return input.mode !== undefined || input.isActive !== undefined || input.attributes !== undefined
}

export const ASKS_FOR_NOTHING = 'Give at least one of mode, isActive and attributes'
