import { z } from 'zod'
import { plainCommand, type EnrollmentCommand } from '../core/enrollment/command.ts'
import { enroll } from '../core/enrollment/enroll.ts'
import { getEnrollment, listEnrollments } from '../core/enrollment/read.ts'
import { decodeSearchCursor, searchEnrollments } from '../core/enrollment/search.ts'
import { unenrollAll } from '../core/enrollment/unenroll-all.ts'
import { readHistory } from '../core/event/read.ts'
import { storableText, instant } from '../core/text.ts'
import { enrollManyProcedure } from './enroll-many.ts'
import { attributes, courseId, enrollFields, learnerOf, mode, reason, withLearner } from './inputs.ts'
import { enrollCommand } from './commands.ts'
import { mutation, query, router } from './trpc.ts'

const enrollInput = withLearner(enrollFields)

const changeInput = withLearner({
  courseId,
  mode: mode.optional(),
  isActive: z.boolean().optional(),
  allowExpiredMode: z.boolean().default(false),
  attributes: attributes.optional(),
  expectedVersion: z.number().int().min(1).optional(),
  reason: reason.optional(),
}).refine((input) => input.mode !== undefined || input.isActive !== undefined || input.attributes !== undefined, {
  error: 'Give at least one of mode, isActive and attributes',
})

const names = z.array(storableText(320)).max(1000)

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
export const enrollmentRouter = router({
  enroll: mutation(enrollInput, ({ db, stamp, policy }, input) => enroll(db, enrollCommand(input), stamp, policy)),

  enrollMany: enrollManyProcedure,

  change: mutation(changeInput, ({ db, stamp, policy }, input) => enroll(db, changeCommand(input), stamp, policy)),

  unenrollAll: mutation(withLearner({ reason: reason.optional() }), async ({ db, stamp, policy }, input) => ({
    outcomes: await unenrollAll(db, learnerOf(input), { reason: input.reason ?? null, stamp, policy }),
  })),

  get: query(withLearner({ courseId }), ({ db }, input) => getEnrollment(db, learnerOf(input), input.courseId)),

  list: query(withLearner({ includeInactive: z.boolean().default(false) }), ({ db }, input) =>
    listEnrollments(db, learnerOf(input), input),
  ),

  search: query(searchInput, ({ db }, { limit, cursor, ...filter }) =>
    searchEnrollments(db, filter, { limit, after: cursor === undefined ? null : decodeSearchCursor(cursor) }),
  ),

  history: query(withLearner({ courseId }), ({ db }, input) => readHistory(db, learnerOf(input), input.courseId)),
})

function changeCommand(input: z.output<typeof changeInput>): EnrollmentCommand {
  return {
    ...plainCommand,
    learner: learnerOf(input),
    courseId: input.courseId,
    path: 'change',
    mode: input.mode ?? null,
    isActive: input.isActive ?? null,
    expiredModeWhenChanging: input.allowExpiredMode,
    attributes: input.attributes ?? null,
    expectedVersion: input.expectedVersion ?? null,
    reason: input.reason ?? null,
  }
}
