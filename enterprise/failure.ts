import { EnrollmentError, failure } from '../core/errors.ts'
import { isDatabaseUnavailable } from '../routers/extension.ts'
import { enrollmentErrorFrom } from '../routers/index.ts'

/** Class 23 of SQLSTATE (PostgreSQL appendix A). */
const CONSTRAINT = /^23/

/** Whether the error is, or comes from, data that contradicts a constraint of the database. */
export function isConstraintViolation(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return ('code' in error && CONSTRAINT.test(String(error.code))) || isConstraintViolation(error.cause)
}

/** Whether the database could not be reached, or ended the transaction in favor of another: the request itself is fine. */
export function isUnavailable(error: unknown): boolean {
  return isDatabaseUnavailable(error) || enrollmentErrorFrom(error)?.code === 'unavailable'
}

/**
 * The error that a caller of the extension gets: the `EnrollmentError` in it, `unavailable` for an error of the database that
 * says so, anything else as it is.
 */
export function errorFrom(error: unknown): unknown {
  const domainError = enrollmentErrorFrom(error)
  if (domainError !== undefined) return domainError
  return isUnavailable(error) ? new EnrollmentError(failure('unavailable', {}), { cause: error }) : error
}
