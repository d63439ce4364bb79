import { z } from 'zod'
import { reason } from '../core/enrollment/field-schemas.ts'
import { jobActions, jobStates, type FailureMode, type JobAction, type SyncLimits } from '../core/bulk/job.ts'
import { isListCursor, isResultCursor } from '../core/bulk/cursor.ts'
import type { JobRequest } from '../core/bulk/start.ts'
import { EnrollmentError, failure } from '../core/errors.ts'
import type { LearnerRef } from '../core/learner/ref.ts'
import { storableText } from '../core/text.ts'
import { batchItemFields } from './batch.ts'
import { batchItems } from './bounded-input.ts'
import {
  ASKS_FOR_NOTHING,
  asksForSomething,
  changeFields,
  courseId,
  enrollFields,
  withLooseLearner,
  type AttributeWire,
} from './inputs.ts'

/** The most items of one job; more come as a file. */
const MAX_ITEMS = 10_000

/** Characters of a file that comes as text; a larger one is put up first. */
const MAX_CSV_LENGTH = 16 * 1024 * 1024

/** An item of a job as it is sent: one of `enrollMany`, or with `action: 'change'` one of `changeMany`. */
export type BulkItemInput = LearnerRef & {
  courseId: string
  mode?: string | undefined
  isActive?: boolean | undefined
  whenEnrolled?: 'keep' | 'update' | undefined
  force?: boolean | undefined
  allowExpiredMode?: boolean | undefined
  expectedVersion?: number | undefined
  enterpriseUuid?: string | undefined
  attributes?: Partial<AttributeWire>[] | undefined
  reason?: string | undefined
  ref?: string | undefined
}

/** Where the lines of a new job come from (bulk.md §1). */
export type JobSourceInput = { items: BulkItemInput[] } | { csv: string } | { uploadId: string }

/** What `bulk.start` is sent. */
export interface StartJobInput {
  name?: string | undefined
  source: JobSourceInput
  action?: JobAction | undefined
  failureMode?: FailureMode | undefined
  dryRun?: boolean | undefined
  courseIds?: string[] | undefined
  limits?: SyncLimits | undefined
  planFingerprint?: string | undefined
  removeFunded?: boolean | undefined
  idempotencyKey?: string | undefined
  reason?: string | undefined
}

/** In a batch the mode may be any text: one that no course run offers is that row's `modeUnavailable`. */
const loose = { mode: z.string().optional(), ...batchItemFields }
const { whenEnrolled, force, isActive, ...plainEnrollFields } = enrollFields
const enrollItem = withLooseLearner({
  ...plainEnrollFields,
  // Their defaults are not kept with each of a million lines.
  isActive: isActive.unwrap().optional(),
  whenEnrolled: whenEnrolled.unwrap().optional(),
  force: force.unwrap().optional(),
  ...loose,
})

const itemsOf = {
  enroll: batchItems(enrollItem),
  sync: batchItems(enrollItem),
  change: batchItems(
    withLooseLearner({
      ...changeFields,
      allowExpiredMode: changeFields.allowExpiredMode.unwrap().optional(),
      ...loose,
    }).refine(asksForSomething, { error: ASKS_FOR_NOTHING }),
  ),
  unenroll: batchItems(withLooseLearner({ courseId, reason: reason.optional(), ...loose })),
} as const

const maxRemovals = z.union([
  z.number().int().min(0),
  z.string().regex(/^(100|[1-9]?\d)%$/, { error: 'A whole number, or per cent as 10%' }),
])

const startFields = z.strictObject({
  name: storableText(255).min(1).optional(),
  source: z.union([
    z.strictObject({ items: z.array(z.unknown()).min(1) }),
    z.strictObject({ csv: z.string().max(MAX_CSV_LENGTH) }),
    z.strictObject({ uploadId: storableText(255) }),
  ]),
  action: z.enum(jobActions).default('enroll'),
  failureMode: z.enum(['bestEffort', 'strict']).default('bestEffort'),
  dryRun: z.boolean().default(false),
  courseIds: z.array(courseId.max(1_000)).min(1).max(1_000).optional(),
  limits: z.strictObject({ maxRemovals: maxRemovals.optional() }).optional(),
  planFingerprint: storableText(255).min(1).optional(),
  removeFunded: z.boolean().default(false),
  idempotencyKey: storableText(255).min(1).optional(),
  reason: reason.optional(),
})

export const startInput = z.preprocess(
  sized,
  startFields.transform((input, context) => {
    if (!('items' in input.source)) return input
    const { data: items, error } = itemsOf[input.action].safeParse(input.source.items)
    for (const { code: _, message, ...issue } of error?.issues ?? []) {
      context.addIssue({ ...issue, code: 'custom', message })
    }
    return items === undefined ? z.NEVER : { ...input, source: { items } }
  }),
) as unknown as z.ZodType<JobRequest, StartJobInput> // What is passed on is what came in.

/** Before the items are looked at one by one: a job that is too large costs nothing. */
function sized(raw: unknown): unknown {
  const { source } = (raw ?? {}) as { source?: { items?: unknown } | null }
  const items = source?.items
  if (Array.isArray(items) && items.length > MAX_ITEMS) {
    throw new EnrollmentError(failure('batchTooLarge', { limit: MAX_ITEMS }))
  }
  return raw
}

/** Any text: whether it names a job is the domain's question (`jobNotFound`). */
const jobId = storableText(255)

export const jobInput = z.strictObject({ jobId })

export const watchInput = z.strictObject({ jobId, lastEventId: z.string().max(255).optional() })

export const listInput = z
  .strictObject({
    state: z.enum(jobStates).optional(),
    cursor: z.string().refine(isListCursor, { error: 'Not a cursor of bulk jobs' }).optional(),
    limit: z.number().int().min(1).max(1_000).default(100),
  })
  .default({ limit: 100 })

export const resultsInput = z.strictObject({
  jobId,
  onlyFailed: z.boolean().default(false),
  codes: z.array(storableText(100)).max(100).optional(),
  cursor: z.string().refine(isResultCursor, { error: 'Not a cursor of results' }).optional(),
  limit: z.number().int().min(1).max(1_000).default(100),
})

export const undoInput = z.union([
  z.strictObject({ jobId, dryRun: z.boolean().default(false) }),
  z.strictObject({ batchId: storableText(255), dryRun: z.boolean().default(false) }),
])
