import { z } from 'zod'
import { storableText } from '../../routers/extension.ts'
import type { Refusal } from '../refusal.ts'

/** Names and course keys are any text here: what nobody can have is the row's own refusal, or nothing to end. */
const endedRow = z
  .strictObject({
    /** The caller's name for the row; comes back in its outcome. */
    ref: storableText(255).optional(),
    userId: z.string().min(1).optional(),
    username: z.string().min(1).optional(),
    email: z.string().trim().min(1).optional(),
    courseId: z.string().min(1),
  })
  .refine(({ userId, username, email }) => userId !== undefined || username !== undefined || email !== undefined, {
    error: 'Name the learner by userId, username or email',
  })

/** What `endEnrollments` takes. */
export const endEnrollmentsRequest = z.strictObject({
  /** The UUID of the customer. */
  customer: z.string(),
  rows: z.array(endedRow).min(1).max(10_000),
  reason: storableText(2000).optional(),
})

export type EndEnrollmentsRequest = z.input<typeof endEnrollmentsRequest>

/** What a request wants to be ended. */
export type EndedRow = z.output<typeof endedRow>

/** JSON as it stands. */
export interface EndEnrollmentsAnswer {
  requestId: string
  /** How many rows there are of each outcome; they add up to the number of rows. */
  counts: Record<string, number>
  /** One for each row of the request, in order. */
  rows: EndOutcome[]
}

export interface EndOutcome {
  /** The place of the row in the request. */
  index: number
  ref?: string
  courseId: string
  /**
   * - `deactivated`: the enrollment has ended.
   * - `fundedOtherwise`: it goes on for another customer who pays for it, and has ended for this one.
   * - `pendingCancelled`: it waited for an account, and never will be fulfilled unless it is sent again.
   * - `unchanged`: there was nothing to end, or the learner is not linked with the customer.
   * - `refused`: the row was not understood, or is worth repeating; see `refusal`.
   */
  outcome: 'deactivated' | 'fundedOtherwise' | 'pendingCancelled' | 'unchanged' | 'refused'
  /** Null: there is no account, or nothing of it was looked at. */
  enrollmentId: string | null
  /** The event of the enrollment; null: it was not changed. */
  eventId: string | null
  /** How many rows that waited for the learner were cancelled. */
  pendingCancelled: number
  /** Null: the row was not refused. */
  refusal: (Pick<Refusal, 'code' | 'message' | 'details'> & { retryable: boolean }) | null
}
