import type { LearnerRef } from './learner/ref.ts'

/** What each error tells about itself, by code (rpc §4). */
export interface ErrorDetails {
  learnerNotFound: LearnerRef
  courseNotFound: { courseId: string }
  invalidCourseKey: { courseId: string }
  modeUnavailable: {
    mode: string
    /** The modes that would have passed. */
    available: string[]
    /** The course offers the mode, but no longer. */
    expired: boolean
    /** Expired modes were allowed, and still it was not there. */
    includeExpired: boolean
  }
  enrollmentClosed: { because: ClosedReason }
  courseFull: { limit: number }
  notEnrolled: { courseId: string }
  modeMismatch: { activeMode: string; requestedMode: string }
  missingAttributes: { mode: string; required: string[]; missing: string[] }
  invalidAttribute: { missing: 'namespace' | 'name' | 'value' }
  cohortNotFound: { cohort: string }
  versionConflict: { expected: number; actual: number }
  idempotencyMismatch: { key: string }
  batchTooLarge: { limit: number }
  /** The LMS writes the enrollments of the course run (adoption.md §3). */
  ownedByLms: { courseId: string }
  vetoed: { by: string; message: string }
  notAttempted: Record<never, never>
  tooSlow: Record<never, never>
  /** `retryAfterMs`: the service sheds load, and may have room again then. */
  unavailable: { retryAfterMs?: number }
  webhookNotFound: { id: string }
  webhookDeliveryNotFound: { deliveryId: string }
  webhookDisabled: { id: string }
  webhookUrlRefused: { because: string }
  /** There is no key with which secrets of endpoints could be kept. */
  webhooksNotConfigured: Record<never, never>
  jobNotFound: { jobId: string }
  /** There is no upload of this id, or not all of it has arrived. */
  uploadNotFound: { uploadId: string }
  batchNotFound: { batchId: string }
  /** What is asked cannot be done with a job in this state, e.g. failed lines of one that still runs. */
  jobNotEnded: { jobId: string; state: string }
  /** A file cannot be read as a whole, e.g. it lacks a column. `line`: where that was seen. */
  invalidFile: { problem: string; line: number | null }
  /** A line of a file is none: of these, e.g. a cell has too many characters. */
  invalidLine: { problem: string }
  /** Another line of the file says the same. */
  duplicateLine: { line: number }
  /** Another line of the file says something else about the same learner and course run. */
  contradictingLine: { line: number }
  /** The enrollment has changed since it was planned, or since what is undone. */
  changedSince: { version: number; eventId: string | null }
  /** The plan would be another one by now. */
  planChanged: { expected: string; actual: string }
  tooManyRemovals: { courseId: string; removals: number; active: number; limit: number }
  /** Something is wrong with the service, not with the input; its log says what. */
  jobFailed: { problem: string }
}

/** Why enrollment in a course run is closed. */
export type ClosedReason = 'notStarted' | 'ended' | 'invitationOnly' | 'allowanceTaken'

export type ErrorCode = keyof ErrorDetails

/** An error as a value: what {@link EnrollmentError} carries, ready for JSON. */
export type Failure = { [C in ErrorCode]: { code: C; message: string; details: ErrorDetails[C] } }[ErrorCode]

/** A rule of the domain said no. It knows no transport: each API words it in its own way. */
export class EnrollmentError extends Error {
  override readonly name = 'EnrollmentError'
  readonly code: ErrorCode
  readonly details: Failure['details']
  readonly failure: Failure

  constructor(failure: Failure, options?: { cause?: unknown }) {
    super(failure.message, options)
    this.failure = failure
    this.code = failure.code
    this.details = failure.details
  }
}

/** Builds the value of an error with its message. */
export function failure<C extends ErrorCode>(code: C, details: ErrorDetails[C]): Failure {
  const short = withShortTexts(details)
  // True by construction: `details` belongs to `code`; TypeScript cannot follow a generic key through the union.
  return { code, message: messages[code](short), details: short } as unknown as Failure
}

/** Characters of a text in an error, which may be one of the input (rpc §4). */
const MAX_TEXT = 255

/** Of the same fields: only texts are shorter. */
function withShortTexts<T extends object>(details: T): T {
  const isLong = Object.values(details).some((value) => typeof value === 'string' && value.length > MAX_TEXT)
  if (!isLong) return details
  return Object.fromEntries(Object.entries(details).map(([name, value]) => [name, short(value)])) as T
}

function short(value: unknown): unknown {
  if (typeof value !== 'string' || value.length <= MAX_TEXT) return value
  const kept = value.slice(0, MAX_TEXT - 1)
  // Half of a pair is no text.
  return `${kept.isWellFormed() ? kept : kept.slice(0, -1)}…`
}

const messages: { [C in ErrorCode]: (details: ErrorDetails[C]) => string } = {
  learnerNotFound: (learner) => `No account has the ${describe(learner)}.`,
  courseNotFound: ({ courseId }) => `No course run has the key '${courseId}'.`,
  invalidCourseKey: ({ courseId }) => `'${courseId}' is not a course key.`,
  modeUnavailable: ({ mode, available, expired }) =>
    `The course run ${expired ? 'no longer offers' : 'does not offer'} the mode '${mode}'; it offers: ${available.join(', ')}.`,
  enrollmentClosed: ({ because }) => closedMessages[because],
  courseFull: ({ limit }) => `All ${limit} seats of the course run are taken.`,
  notEnrolled: ({ courseId }) => `The learner has no enrollment in '${courseId}'.`,
  modeMismatch: ({ activeMode, requestedMode }) =>
    `The enrollment is active in mode '${activeMode}', not '${requestedMode}'; it was not deactivated.`,
  missingAttributes: ({ mode, missing }) => `The mode '${mode}' requires the attributes: ${missing.join(', ')}.`,
  invalidAttribute: ({ missing }) => `'${missing}' not in enrollment attribute`,
  cohortNotFound: ({ cohort }) => `The course run has no cohort '${cohort}'.`,
  versionConflict: ({ expected, actual }) => `The enrollment is at version ${actual}, not ${expected}.`,
  idempotencyMismatch: ({ key }) => `The idempotency key '${key}' was used with another input.`,
  batchTooLarge: ({ limit }) => `A batch holds at most ${limit} items.`,
  ownedByLms: ({ courseId }) => `The enrollments of the course run '${courseId}' are changed in the LMS.`,
  vetoed: ({ message }) => message,
  notAttempted: () => 'Not attempted, because another row of the batch failed.',
  tooSlow: () => 'Too slow: more events have come than are kept. Resume after the last one that arrived.',
  unavailable: () => 'The service cannot answer now; the call is safe to repeat.',
  webhookNotFound: ({ id }) => `There is no webhook '${id}'.`,
  webhookDeliveryNotFound: ({ deliveryId }) =>
    `The webhook has no delivery '${deliveryId}', or is not sent its event any more.`,
  webhookDisabled: ({ id }) => `The webhook '${id}' is disabled; enable it first.`,
  webhookUrlRefused: ({ because }) => `Nothing can be sent to this URL: ${because}.`,
  webhooksNotConfigured: () =>
    'Webhooks need a key that their secrets are encrypted with: WEBHOOK_SECRET_KEY or INTERNAL_TOKENS.',
  jobNotFound: ({ jobId }) => `There is no bulk job '${jobId}', or its results have been swept.`,
  uploadNotFound: ({ uploadId }) => `There is no upload '${uploadId}', or it has not arrived as a whole.`,
  batchNotFound: ({ batchId }) => `No change of an enrollment belongs to the batch '${batchId}'.`,
  jobNotEnded: ({ jobId, state }) => `The bulk job '${jobId}' is ${state}: wait for its end, or cancel it.`,
  invalidFile: ({ problem, line }) => `The file cannot be read${line === null ? '' : `, line ${line}`}: ${problem}`,
  invalidLine: ({ problem }) => problem,
  duplicateLine: ({ line }) => `Line ${line} says the same about this learner and course run.`,
  contradictingLine: ({ line }) => `Line ${line} says something else about this learner and course run.`,
  changedSince: ({ version }) => `The enrollment has changed since: it is at version ${version}.`,
  planChanged: ({ expected, actual }) => `The plan has changed: its fingerprint is ${actual}, not ${expected}.`,
  tooManyRemovals: ({ courseId, removals, active, limit }) =>
    `${removals} of ${active} learners would be removed from '${courseId}'; the limit is ${limit}.`,
  jobFailed: ({ problem }) => `The job cannot go on: ${problem}`,
}

const closedMessages: Record<ClosedReason, string> = {
  notStarted: 'Enrollment has not started.',
  ended: 'Enrollment has ended.',
  invitationOnly: 'The course run is open by invitation only.',
  allowanceTaken: 'The invitation of this e-mail address was used by another account.',
}

function describe(learner: LearnerRef): string {
  if ('username' in learner) return `username '${learner.username}'`
  if ('email' in learner) return `e-mail address '${learner.email}'`
  return `id '${learner.userId}'`
}
