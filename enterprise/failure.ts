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

/** Whether the database could not be reached, or broke a tie: nothing is wrong with what was asked. */
export function isUnavailable(error: unknown): boolean {
  return isDatabaseUnavailable(error) || enrollmentErrorFrom(error)?.code === 'unavailable'
}

/** The error to tell of: that of the house, `unavailable` among them, and anything else as it is. */
export function errorFrom(error: unknown): unknown {
  const ofTheHouse = enrollmentErrorFrom(error)
  if (ofTheHouse !== undefined || !isUnavailable(error)) return ofTheHouse ?? error
  return new EnrollmentError(failure('unavailable', {}), { cause: error })
}
