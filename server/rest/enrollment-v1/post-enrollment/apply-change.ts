import type { CompiledQuery, Kysely, Transaction } from 'kysely'
import { assignToCohort } from '../../../../core/course/cohort.ts'
import type { Course } from '../../../../core/course/course.ts'
import { retryOnSerializationFailure } from '../../../../core/database/retry.ts'
import type { DB } from '../../../../core/database/schema.ts'
import { inTransaction, type TransactionEnd } from '../../../../core/database/transaction.ts'
import type { Enrollment, EnrollmentCommand } from '../../../../core/enrollment/command.ts'
import { enrollInCourse, enrollWhole } from '../../../../core/enrollment/enroll.ts'
import { EnrollmentError } from '../../../../core/errors.ts'
import { emailOptInQuery } from '../../../../core/learner/email-opt-in.ts'
import { message, Refusal, type ViewResponse } from '../../django/response.ts'
import type { Json } from '../../django/json.ts'
import type { ViewRequest } from '../../view.ts'
import { readAndRenderCourse, renderEnrollment } from '../render.ts'
import type { ChangeResponse } from './audit-line.ts'
import { forwardPost } from './forward-post.ts'
import { attributeLacks, responseToEnrollmentError } from './errors.ts'
import { readCohort } from './fields.ts'

/** A POST that has passed rows 1 to 13 of rest-v1 §3.2: what the core is asked for, and what goes with it. */
export interface PostRequest {
  readonly command: EnrollmentCommand
  /** Whose enrollment it is; whether anybody has the username, the core finds out. */
  readonly username: string
  /** The organisation of the course. */
  readonly org: string
  /** As it was sent, because it is read only after the enrollment; null: none. */
  readonly cohort: Json
  /** The text to keep; null: none. */
  readonly emailOptIn: string | null
}

/** Rows 14 to 22 of rest-v1 §3.2: the enrollment, what goes with it, and the response. */
export async function applyChange(request: ViewRequest, post: PostRequest): Promise<ChangeResponse> {
  try {
    const { refused, enrollment, course } = await enrollWithExtras(request, post)
    if (refused !== null) return { response: refused, enrollment }
    return { response: { status: 200, body: renderEnrollment(enrollment, course, request) }, enrollment }
  } catch (error) {
    if (!(error instanceof EnrollmentError)) throw error
    if (error.code === 'learnerNotFound') throw noSuchUser(post.username)
    if (error.code === 'ownedByLms' && request.forward !== null) return { response: await forwardPost(request, post) }
    return { response: await refuseChange(request, post, error) }
  }
}

/** Row 6. */
export function noSuchUser(username: string): Refusal {
  return new Refusal(message(406, `The user ${username} does not exist.`))
}

/** What was changed; a refusal that comes after the enrollment does not take it back (rest-v1 D4). */
interface AppliedChange {
  readonly refused: ViewResponse | null
  readonly enrollment: Enrollment
  readonly course: Course
}

async function enrollWithExtras(request: ViewRequest, post: PostRequest): Promise<AppliedChange> {
  const { db } = request
  const { command, cohort, emailOptIn } = post
  const lacksValues = command.attributes?.some(({ value }) => value === undefined) ?? false
  if (lacksValues) return enrollWithoutAttributes(request, command)
  if (cohort === null && emailOptIn === null) return { refused: null, ...(await enrollOne(db, request, command)) }
  return retryOnSerializationFailure(db, () =>
    inTransaction(db, (trx, end) => enrollWithCohortAndOptIn(trx, request, post, end)),
  )
}

/** Rows 15g and 19 to 21: what is active already gets nothing further. */
async function enrollWithCohortAndOptIn(
  trx: Transaction<DB>,
  request: ViewRequest,
  post: PostRequest,
  { sendLast }: TransactionEnd,
): Promise<AppliedChange> {
  const { enrollment, course, isAlreadyActive } = await enrollOne(trx, request, post.command)
  if (isAlreadyActive) return { refused: null, enrollment, course }
  const optIn = optInQuery(trx, request, post)
  // Whatever comes last travels with the commit.
  const sendCohort = async (statement: CompiledQuery) => (await sendLast([statement]))[0]
  const refused = await joinCohort(trx, post, enrollment, optIn === null ? sendCohort : undefined)
  if (refused === null && optIn !== null) await sendLast([optIn])
  return { refused, enrollment, course }
}

async function enrollOne(
  db: Kysely<DB>,
  { metadata, policy }: ViewRequest,
  command: EnrollmentCommand,
): Promise<{ enrollment: Enrollment; course: Course; isAlreadyActive: boolean }> {
  const { outcome, course } = await enrollInCourse(db, command, metadata, policy)
  const { kind, enrollment } = outcome
  return { enrollment, course, isAlreadyActive: kind === 'unchanged' && enrollment.isActive }
}

/**
 * Row 15h: an attribute without its value is noticed only when it is written. The rules before that see the attributes
 * by their names, in a dry run with empty values.
 */
async function enrollWithoutAttributes(request: ViewRequest, command: EnrollmentCommand): Promise<AppliedChange> {
  const { db, policy, metadata } = request
  const attributes = command.attributes?.map((attribute) => ({ ...attribute, value: attribute.value ?? '' })) ?? null
  const items = [{ command: { ...command, attributes }, metadata }]
  const { results } = await enrollWhole(db, items, policy, { strict: false, dryRun: true })
  for (const result of results) if (!result.ok) throw new EnrollmentError(result.error)
  const enrolled = await enrollOne(db, request, { ...command, attributes: null })
  return { ...enrolled, refused: enrolled.isAlreadyActive ? null : attributeLacks('value') }
}

/** Rows 19 and 20. */
async function joinCohort(
  trx: Transaction<DB>,
  { username, cohort: sent }: PostRequest,
  { courseId, userId }: Enrollment,
  send: Parameters<typeof assignToCohort>[2],
): Promise<ViewResponse | null> {
  try {
    const cohort = readCohort(sent)
    if (cohort !== null) await assignToCohort(trx, { userId, courseId, cohort }, send)
    return null
  } catch (error) {
    if (error instanceof Refusal) return error.response
    if (error instanceof EnrollmentError) return responseToEnrollmentError(error, { username, courseId, mode: null })
    throw error
  }
}

/** Row 21: for the caller, not for the learner; for nobody where only an API key called (rest-v1 D17). */
function optInQuery(
  trx: Transaction<DB>,
  { rights, now }: ViewRequest,
  { org, emailOptIn }: PostRequest,
): CompiledQuery | null {
  if (emailOptIn === null || rights.account === null) return null
  return emailOptInQuery(trx, rights.account, { org, value: emailOptIn, now })
}

/** What the core refused; where a mode is unavailable, with what the course offers instead (row 16). */
async function refuseChange(
  { db, policy, now }: ViewRequest,
  { command: { courseId, mode }, username }: PostRequest,
  error: EnrollmentError,
): Promise<ViewResponse> {
  const response = responseToEnrollmentError(error, { username, courseId, mode })
  if (error.failure.code !== 'modeUnavailable') return response
  const { includeExpired } = error.failure.details
  const details = await readAndRenderCourse(db, courseId, { includeExpired, policy, now })
  return { ...response, body: { ...Object(response.body), course_details: details } }
}
