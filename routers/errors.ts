import { TRPCError, type TRPC_ERROR_CODE_KEY } from '@trpc/server'
import { ZodError } from 'zod'
import { isDatabaseUnavailable } from '../core/database/failure.ts'
import { EnrollmentError, failure, type ErrorCode } from '../core/errors.ts'
import { inputErrorOf } from './bounded-input.ts'

/** tRPC's word for each error of the domain (rpc §4). */
const codes: Record<ErrorCode, TRPC_ERROR_CODE_KEY> = {
  learnerNotFound: 'NOT_FOUND',
  courseNotFound: 'NOT_FOUND',
  invalidCourseKey: 'BAD_REQUEST',
  modeUnavailable: 'PRECONDITION_FAILED',
  enrollmentClosed: 'PRECONDITION_FAILED',
  courseFull: 'PRECONDITION_FAILED',
  notEnrolled: 'NOT_FOUND',
  modeMismatch: 'CONFLICT',
  missingAttributes: 'BAD_REQUEST',
  invalidAttribute: 'BAD_REQUEST',
  cohortNotFound: 'NOT_FOUND',
  versionConflict: 'CONFLICT',
  idempotencyMismatch: 'CONFLICT',
  batchTooLarge: 'PAYLOAD_TOO_LARGE',
  ownedByLms: 'CONFLICT',
  vetoed: 'FORBIDDEN',
  notAttempted: 'CONFLICT',
  // Clients of tRPC resume a subscription by themselves after this one.
  tooSlow: 'SERVICE_UNAVAILABLE',
  unavailable: 'SERVICE_UNAVAILABLE',
  webhookNotFound: 'NOT_FOUND',
  webhookDeliveryNotFound: 'NOT_FOUND',
  webhookDisabled: 'CONFLICT',
  webhookUrlRefused: 'BAD_REQUEST',
  webhooksNotConfigured: 'PRECONDITION_FAILED',
  jobNotFound: 'NOT_FOUND',
  uploadNotFound: 'NOT_FOUND',
  batchNotFound: 'NOT_FOUND',
  jobNotEnded: 'CONFLICT',
  invalidFile: 'BAD_REQUEST',
  invalidLine: 'BAD_REQUEST',
  duplicateLine: 'CONFLICT',
  contradictingLine: 'CONFLICT',
  changedSince: 'CONFLICT',
  planChanged: 'CONFLICT',
  tooManyRemovals: 'PRECONDITION_FAILED',
  jobFailed: 'INTERNAL_SERVER_ERROR',
}

/**
 * Finds the domain's error in whatever was thrown by a call through the caller, or by a transaction in which there were calls:
 * where the database ends the connection, its owner gets the error of a rollback that could not be sent, in place of ours.
 *
 * @returns the instance that core threw; for a database that cannot be reached one of `unavailable` whose `cause` is the
 *   error; undefined for any other error.
 */
export function enrollmentErrorFrom(error: unknown): EnrollmentError | undefined {
  const thrown = error instanceof TRPCError ? error.cause : error
  if (thrown instanceof EnrollmentError) return thrown
  return isDatabaseUnavailable(thrown) ? new EnrollmentError(failure('unavailable', {}), { cause: thrown }) : undefined
}

/**
 * Gives an error its tRPC code. A database that cannot be reached becomes `unavailable`; what nobody expected loses its
 * text, which may hold SQL, and keeps it as `cause` for the log.
 */
export function toTRPCError(error: TRPCError): TRPCError {
  const domain = enrollmentErrorFrom(error)
  if (domain !== undefined) {
    return new TRPCError({ code: codes[domain.code], message: domain.message, cause: domain })
  }
  if (error.cause instanceof ZodError) return new TRPCError({ code: error.code, cause: inputErrorOf(error.cause) })
  if (error.code !== 'INTERNAL_SERVER_ERROR') return error
  return new TRPCError({ code: error.code, message: 'Internal server error', cause: error.cause })
}
