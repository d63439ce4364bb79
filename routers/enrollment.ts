import { z } from 'zod'
import { enroll } from '../core/enrollment/enroll.ts'
import { looseMode, reason } from '../core/enrollment/field-schemas.ts'
import { changeCommand, enrollCommand, learnerOf } from '../core/enrollment/item-command.ts'
import { getEnrollment, getEnrollments, listEnrollments } from '../core/enrollment/read.ts'
import { decodeSearchCursor, searchEnrollments } from '../core/enrollment/search.ts'
import { unenrollAll } from '../core/enrollment/unenroll-all.ts'
import { readHistory } from '../core/event/read.ts'
import { storableText, instant } from '../core/text.ts'
import { boundedArray } from './bounded-input.ts'
import { batchItemFields, batchOperation } from './batch.ts'
import {
  ASKS_FOR_NOTHING,
  asksForSomething,
  changeFields,
  courseId,
  enrollFields,
  withLearner,
  withLooseLearner,
} from './inputs.ts'
import { mutation, query } from './operation.ts'
import { enrollment, events, outcome, searchPage } from './outputs.ts'

const enrollInput = withLearner(enrollFields)

const changeInput = withLearner(changeFields).refine(asksForSomething, { error: ASKS_FOR_NOTHING })

const looseFields = { mode: looseMode.optional(), ...batchItemFields }
const enrollItem = withLooseLearner({ ...enrollFields, ...looseFields })
const changeItem = withLooseLearner({ ...changeFields, ...looseFields }).refine(asksForSomething, {
  error: ASKS_FOR_NOTHING,
})

const getManyInput = z.strictObject({
  enrollments: boundedArray(withLooseLearner({ courseId }), { min: 1, max: 1000 }),
})

const names = boundedArray(storableText(320), { max: 1000 })

const searchInput = z.strictObject({
  courseIds: names.optional(),
  usernames: names.optional(),
  emails: names.optional(),
  modes: names.optional(),
  isActive: z.boolean().optional(),
  changedSince: instant().optional(),
  limit: z.number().int().min(1).max(1000).default(100),
  cursor: z
    .string()
    .max(200)
    .refine((cursor) => decodeSearchCursor(cursor) !== null, { error: 'Not a cursor of this search' })
    .optional(),
})

/** Enrollments: change them, read them (rpc §3). */
export const enrollmentOperations = {
  enroll: mutation({
    input: enrollInput,
    output: outcome,
    handler: ({ db, metadata, policy }, input) => enroll(db, enrollCommand(input), metadata, policy),
  }),

  enrollMany: batchOperation('enrollment.enrollMany', enrollItem, enrollCommand),

  change: mutation({
    input: changeInput,
    output: outcome,
    handler: ({ db, metadata, policy }, input) => enroll(db, changeCommand(input), metadata, policy),
  }),

  changeMany: batchOperation('enrollment.changeMany', changeItem, changeCommand),

  unenrollAll: mutation({
    input: withLearner({ reason: reason.optional() }),
    output: z.strictObject({ outcomes: z.array(outcome), ownedByLms: z.array(z.string()).optional() }),
    handler: async ({ db, metadata, policy }, input) => {
      const by = { reason: input.reason ?? null, metadata, policy }
      const { outcomes, ownedByLms } = await unenrollAll(db, learnerOf(input), by)
      return { outcomes, ...(ownedByLms.length > 0 && { ownedByLms }) }
    },
  }),

  get: query({
    input: withLearner({ courseId }),
    output: enrollment.nullable(),
    handler: ({ db }, input) => getEnrollment(db, learnerOf(input), input.courseId),
  }),

  getMany: query({
    input: getManyInput,
    output: z.array(enrollment.nullable()),
    handler: ({ db }, { enrollments }) =>
      getEnrollments(
        db,
        enrollments.map((input) => ({ learner: learnerOf(input), courseId: input.courseId })),
      ),
  }),

  list: query({
    input: withLearner({ includeInactive: z.boolean().default(false) }),
    output: z.array(enrollment),
    handler: ({ db }, input) => listEnrollments(db, learnerOf(input), input),
  }),

  search: query({
    input: searchInput,
    output: searchPage,
    handler: ({ db }, { limit, cursor, ...filter }) =>
      searchEnrollments(db, filter, { limit, after: cursor === undefined ? null : decodeSearchCursor(cursor) }),
  }),

  history: query({
    input: withLearner({ courseId }),
    output: events,
    handler: ({ db }, input) => readHistory(db, learnerOf(input), input.courseId),
  }),
}
