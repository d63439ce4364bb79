import { isDatabaseUnavailable } from '../../../core/database/failure.ts'
import { EnrollmentError, type ErrorCode, type ErrorDetails } from '../../../core/errors.ts'
import { message, UNAVAILABLE, type Answer } from '../django/answer.ts'
import { pythonLiteral } from '../django/text.ts'
import { KeysUnavailable } from '../auth/remote-keys.ts'

/** What a request to change an enrollment was about. */
export interface Change {
  readonly username: string
  readonly courseId: string
  /** As it was asked for; null: for none in particular. */
  readonly mode: string | null
}

/** What POST /enrollment says for each error of the domain (rest-v1 §3.2 rows 15 to 19). */
const answers: { [C in ErrorCode]: (details: ErrorDetails[C], change: Change) => Answer } = {
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
  vetoed: ({ message: reason }) => localized(403, reason),
  notAttempted: anyError,
  unavailable: () => UNAVAILABLE,
}

/** The answer to a POST that the domain refused. */
export function answerToChange({ failure }: EnrollmentError, change: Change): Answer {
  // The row of the code takes the details of the code; TypeScript cannot see that they go together.
  const answer = answers[failure.code] as (details: unknown, change: Change) => Answer
  return answer(failure.details, change)
}

/** The answer to an attribute without one of its parts, after the enrollment was changed (rest-v1 §3.2 row 15h). */
export function attributeLacks(part: string): Answer {
  return localized(400, attributeLacksText(part))
}

/** The words for an attribute without one of its parts. */
export function attributeLacksText(part: string): string {
  return `'${part}' not in enrollment attribute`
}

/** The answer to a course id, of a path or a query, that no course run has (rest-v1 §3.4, D1). */
export function noSuchCourse(courseId: string): Answer {
  return message(400, `No course found for course ID '${courseId}'`)
}

/** The answer to whatever a route let through: a database or a key server out of reach; null for what nobody expected. */
export function answerToFailure(error: unknown): Answer | null {
  if (error instanceof EnrollmentError) return error.code === 'unavailable' ? UNAVAILABLE : null
  return isDatabaseUnavailable(error) || error instanceof KeysUnavailable ? UNAVAILABLE : null
}

function anyError(_: unknown, { username, courseId }: Change): Answer {
  return message(
    400,
    `An error occurred while creating the new course enrollment for user '${username}' in course '${courseId}'`,
  )
}

function noCourse(_: unknown, { courseId }: Change): Answer {
  return message(400, `No course '${courseId}' found for enrollment`)
}

function localized(status: number, text: string): Answer {
  return { status, body: { message: text, localizedMessage: text } }
}
