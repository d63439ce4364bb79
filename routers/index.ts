import type { TRPCRouterCaller } from '@trpc/server'
import { courseRouter } from './course.ts'
import { enrollmentRouter } from './enrollment.ts'
import { eventsRouter } from './events.ts'
import { CONTEXT, DIRECT, router, type Context, type Direct, type RouterContext } from './trpc.ts'

/** The typed door: the same router serves the private HTTP listener and the in-process caller. */
export const appRouter = router({
  enrollment: enrollmentRouter,
  course: courseRouter,
  events: eventsRouter,
})

export type AppRouter = typeof appRouter

/**
 * Calls the procedures in this process, without a network (rpc §1).
 *
 * @param context `db` decides how calls run: on the pool, or inside the transaction that is given.
 * @returns an object with one function per procedure, e.g. `caller.enrollment.enroll(input)`. Errors of the domain
 *   arrive as `TRPCError`; {@link enrollmentErrorFrom} finds the domain's own error in them.
 */
export function createCaller(context: Context): Caller {
  const ctx: RouterContext = { ...context, via: 'caller' }
  const groups: Record<string, Record<string, unknown>> = {}
  for (const [path, procedure] of Object.entries(procedures)) {
    const [group = '', name = ''] = path.split('.')
    const call = (input: unknown) => procedure[DIRECT](ctx, path, input)
    groups[group] = { ...groups[group], [name]: Object.assign(call, { [CONTEXT]: ctx }) }
  }
  return groups as unknown as Caller // The same names with the same functions behind them.
}

// Each was made by `query` or `mutation`.
const procedures = appRouter._def.procedures as unknown as Record<string, { [DIRECT]: Direct }>

export type Caller = ReturnType<TRPCRouterCaller<AppRouter['_def']['_config']['$types'], AppRouter['_def']['record']>>

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
