import { courseRouter } from './course.ts'
import { enrollmentRouter } from './enrollment.ts'
import { eventsRouter } from './events.ts'
import { createCallerFactory, router, type Context, type RouterContext } from './trpc.ts'

/** The typed door: the same router serves the private HTTP listener and the in-process caller. */
export const appRouter = router({
  enrollment: enrollmentRouter,
  course: courseRouter,
  events: eventsRouter,
})

export type AppRouter = typeof appRouter

const callerFactory = createCallerFactory(appRouter)

/**
 * Calls the procedures in this process, without a network (rpc §1).
 *
 * @param context `db` decides how calls run: on the pool, or inside the transaction that is given.
 * @returns an object with one function per procedure, e.g. `caller.enrollment.enroll(input)`. Errors of the domain
 *   arrive as `TRPCError`; {@link enrollmentErrorFrom} finds the domain's own error in them.
 */
export function createCaller(context: Context): Caller {
  return callerFactory({ ...context, via: 'caller' } satisfies RouterContext)
}

export type Caller = ReturnType<typeof callerFactory>

export { enrollmentErrorFrom } from './errors.ts'
export { enrollStream, type EnrollItem, type EnrollStreamOptions } from './stream.ts'
export type { BatchAnswer, BatchResult } from './batch.ts'
export { EnrollmentError } from '../core/errors.ts'
export { defaultPolicy } from '../core/policy.ts'
export { isDatabaseUnavailable } from '../core/database/failure.ts'
export { inTransaction, undoable } from '../core/database/transaction.ts'
export { repeatOnTie } from '../core/database/tie.ts'
export { isEmailAddress } from '../core/learner/email-address.ts'
export { learnerLookup } from '../core/learner/ref.ts'
export { isStorableText, storableText } from '../core/text.ts'
export * as importFormat from '../core/transfer/index.ts'
export { withIdempotencyKey, type KeyedAnswer, type KeyUse } from '../core/idempotency/key.ts'
export type { ErrorCode, ErrorDetails, Failure } from '../core/errors.ts'
export type { Policy } from '../core/policy.ts'
export type { EnrollmentFilter, FilterAnswer, FilterErrorReporter, FilterRequest } from '../core/enrollment/filter.ts'
export type { Actor, Enrollment, Outcome, OutcomeKind } from '../core/enrollment/command.ts'
export type { EnrollmentEvent } from '../core/event/event.ts'
export type { LearnerRef as Learner } from '../core/learner/ref.ts'
export type { Course } from '../core/course/course.ts'
export type { CourseOffer } from '../core/course/offers.ts'
export type { Context, Logger } from './trpc.ts'
