import type { EnrollmentError, ErrorCode, ErrorDetails } from '../../../../core/errors.ts'
import { message, ownedByLms, UNAVAILABLE, type ViewResponse } from '../../django/response.ts'
import { pythonLiteral } from '../../django/text.ts'

/** What a POST asked for, in the client's own values: the texts of refusals repeat them. */
export interface RequestedChange {
  readonly username: string
  readonly courseId: string
  /** Null: none in particular. */
  readonly mode: string | null
}

/** The response to a change that the core refused (rest-v1 §3.2 rows 15 to 19). */
export function responseToEnrollmentError({ failure }: EnrollmentError, requested: RequestedChange): ViewResponse {
  // The row of the code takes the details of the code; TypeScript cannot see that they go together.
  const respond = responses[failure.code] as (details: unknown, requested: RequestedChange) => ViewResponse
  return respond(failure.details, requested)
}

const responses: { [C in ErrorCode]: (details: ErrorDetails[C], requested: RequestedChange) => ViewResponse } = {
  learnerNotFound: anyError,
  courseNotFound: noCourse,
  invalidCourseKey: noCourse,
  modeUnavailable: (_, { mode, courseId }) =>
    message(
      400,
      `The [${mode ?? 'None'}] course mode is expired or otherwise unavailable for course run [${courseId}].`,
    ),
  enrollmentClosed: anyError,
  courseFull: anyError,
  notEnrolled: anyError,
  modeMismatch: ({ activeMode, requestedMode }) =>
    message(
      400,
      `Enrollment mode mismatch: active mode=${activeMode}, requested mode=${requestedMode}. Won't deactivate.`,
    ),
  missingAttributes: ({ mode, required }) =>
    message(
      400,
      `Missing enrollment attributes: requested mode=${mode} required attributes=${pythonLiteral(required)}`,
    ),
  invalidAttribute: ({ missing }) => attributeLacks(missing),
  cohortNotFound: ({ cohort }) => message(400, `An error occured while adding to cohort [${cohort}]`),
  versionConflict: anyError,
  idempotencyMismatch: anyError,
  batchTooLarge: anyError,
  ownedByLms: (_, { courseId }) => ownedByLms(courseId),
  vetoed: ({ message: reason }) => localized(403, reason),
  notAttempted: anyError,
  tooSlow: anyError,
  unavailable: () => UNAVAILABLE,
  webhookNotFound: anyError,
  webhookDeliveryNotFound: anyError,
  webhookDisabled: anyError,
  webhookUrlRefused: anyError,
  webhooksNotConfigured: anyError,
  jobNotFound: anyError,
  uploadNotFound: anyError,
  batchNotFound: anyError,
  jobNotEnded: anyError,
  invalidFile: anyError,
  invalidLine: anyError,
  duplicateLine: anyError,
  contradictingLine: anyError,
  changedSince: anyError,
  planChanged: anyError,
  tooManyRemovals: anyError,
  jobFailed: anyError,
}

/** The response to an attribute without one of its parts, after the enrollment was changed (rest-v1 §3.2 row 15h). */
export function attributeLacks(part: string): ViewResponse {
  return localized(400, attributeLacksText(part))
}

/** The text about an attribute without one of its parts. */
export function attributeLacksText(part: string): string {
  return `'${part}' not in enrollment attribute`
}

function anyError(_: unknown, { username, courseId }: RequestedChange): ViewResponse {
  return message(
    400,
    `An error occurred while creating the new course enrollment for user '${username}' in course '${courseId}'`,
  )
}

function noCourse(_: unknown, { courseId }: RequestedChange): ViewResponse {
  return message(400, `No course '${courseId}' found for enrollment`)
}

function localized(status: number, text: string): ViewResponse {
  return { status, body: { message: text, localizedMessage: text } }
}
