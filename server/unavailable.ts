import { isDatabaseUnavailable } from '../core/database/failure.ts'
import { EnrollmentError } from '../core/errors.ts'

/** Something that the service depends on is out of reach: the same request may succeed in a moment. */
export class DependencyUnavailable extends Error {
  override readonly name: string = 'DependencyUnavailable'
}

/** Whether a request was refused for the state of the service or of its database, and not for what it asks: 503. */
export function isUnavailable(error: Error): boolean {
  if (error instanceof EnrollmentError) return error.code === 'unavailable'
  return error instanceof DependencyUnavailable || isDatabaseUnavailable(error)
}

/** The value of `Retry-After`, in seconds: what the error knows of it, otherwise 1. */
export function retryAfter(error: Error): string {
  const details = error instanceof EnrollmentError ? error.details : {}
  const ms = 'retryAfterMs' in details && typeof details.retryAfterMs === 'number' ? details.retryAfterMs : 0
  return String(Math.max(1, Math.ceil(ms / 1_000)))
}
