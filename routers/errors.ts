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
  vetoed: 'FORBIDDEN',
  notAttempted: 'CONFLICT',
  unavailable: 'SERVICE_UNAVAILABLE',
}

/**
 * Finds the domain's error in whatever a call through the caller threw.
 *
 * @returns the instance that core threw, or undefined for any other error.
 */
export function enrollmentErrorFrom(error: unknown): EnrollmentError | undefined {
  if (error instanceof EnrollmentError) return error
  return error instanceof TRPCError && error.cause instanceof EnrollmentError ? error.cause : undefined
}

/**
 * Gives an error its tRPC code. A database that cannot be reached becomes `unavailable`; what nobody expected loses its
 * text, which may hold SQL, and keeps it as `cause` for the log.
 */
export function toTRPCError(error: TRPCError): TRPCError {
  const domain = enrollmentErrorFrom(error) ?? unavailableFrom(error.cause)
  if (domain !== undefined) {
    return new TRPCError({ code: codes[domain.code], message: domain.message, cause: domain })
  }
  if (error.cause instanceof ZodError) return new TRPCError({ code: error.code, cause: inputErrorOf(error.cause) })
  if (error.code !== 'INTERNAL_SERVER_ERROR') return error
  return new TRPCError({ code: error.code, message: 'Internal server error', cause: error.cause })
}

function unavailableFrom(cause: unknown): EnrollmentError | undefined {
  if (!isDatabaseUnavailable(cause)) return undefined
  return new EnrollmentError(failure('unavailable', {}), { cause })
}
