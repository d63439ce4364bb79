import { isDatabaseUnavailable } from '../core/database/failure.ts'
import { perObject } from '../core/database/per-pool.ts'
import { EnrollmentError } from '../core/errors.ts'

/** Something that the service depends on is out of reach: the same request may succeed in a moment. */
export class DependencyUnavailable extends Error {
  override readonly name: string = 'DependencyUnavailable'
}

/** Whether a request was refused for the state of the service or of its database, and not for what it asks: 503. */
export function isUnavailable(error: Error): boolean {
  if (error instanceof EnrollmentError) return error.code === 'unavailable'
  // A connection that broke while a body was read is the client's: Fastify gives only that a status.
  if (Reflect.get(error, 'statusCode') === 400) return false
  return error instanceof DependencyUnavailable || isDatabaseUnavailable(error)
}

/** The value of `Retry-After`, in seconds: what the error knows of it, otherwise 1. */
export function retryAfter(error: Error): string {
  const details = error instanceof EnrollmentError ? error.details : {}
  const ms = 'retryAfterMs' in details && typeof details.retryAfterMs === 'number' ? details.retryAfterMs : 0
  return String(Math.max(1, Math.ceil(ms / 1_000)))
}

/** Why something could not be done now: too much was asked for, its time was over, or what it depends on is out of reach. */
export type Unavailability = 'overload' | 'deadline' | 'unavailable'

/** @param error one that {@link isUnavailable}. */
export function unavailabilityOf(error: Error): Unavailability {
  // The typed API has one error for all; the one of the database is its cause.
  if (!(error instanceof EnrollmentError) || isDatabaseUnavailable(error.cause)) return 'unavailable'
  // Only who sheds load says when to come back.
  return 'retryAfterMs' in error.details ? 'overload' : 'deadline'
}

const refusalOf = perObject((_request: object): { why: Unavailability } => ({ why: 'unavailable' }))

/** Remembers why a request is answered with 503, for whoever counts refusals. */
export function rememberUnavailable(request: object, error: Error): void {
  refusalOf(request).why = unavailabilityOf(error)
}

/** Why a request was answered with 503. */
export function refusedFor(request: object): Unavailability {
  return refusalOf(request).why
}
