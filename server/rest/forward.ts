import type { FastifyBaseLogger } from 'fastify'
import type { Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import type { CallMetadata } from '../../core/enrollment/command.ts'
import type { JsonObject } from './django/json.ts'
import type { ViewResponse } from './django/response.ts'

/** A POST about an enrollment that the LMS owns; it has passed every check but the rules of enrollment. */
export interface ForwardedChange {
  /** A pool. */
  readonly db: Kysely<DB>
  /** Whose enrollment it is. */
  readonly username: string
  /** The stored key of the course run. */
  readonly courseId: string
  /** As it was sent. */
  readonly body: JsonObject
  /** The path and the query, as they were sent. */
  readonly address: string
  readonly acceptLanguage: string | undefined
  /** Whether the caller may change enrollments of anybody. */
  readonly isPrivileged: boolean
  readonly metadata: CallMetadata
  readonly log: FastifyBaseLogger
}

/**
 * Passes a change on to the LMS, and takes over what became of it (adoption.md §3).
 *
 * @returns what is answered; null: the LMS does not own the course run any more.
 * @throws {EnrollmentError} `unavailable` when the LMS does not answer.
 */
export type ForwardChange = (change: ForwardedChange) => Promise<ViewResponse | null>
