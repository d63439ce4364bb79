import type { Kysely, Transaction } from 'kysely'
import { assignToCohort } from '../../../../core/course/cohort.ts'
import type { Course } from '../../../../core/course/course.ts'
import type { DB } from '../../../../core/database/schema.ts'
import type { Enrollment, EnrollmentCommand } from '../../../../core/enrollment/command.ts'
import { enrollInCourse, enrollWhole } from '../../../../core/enrollment/enroll.ts'
import { EnrollmentError } from '../../../../core/errors.ts'
import { recordEmailOptIn } from '../../../../core/learner/email-opt-in.ts'
import { message, Refusal, type Answer } from '../../django/answer.ts'
import type { Settled } from './audit-line.ts'
import { answerToChange, attributeLacks } from '../errors.ts'
import { readText } from './fields.ts'
import type { JsonObject } from '../../django/json.ts'
import { pythonText } from '../../django/text.ts'
import { renderCourse } from '../render.ts'
import { metadataOf } from '../call-metadata.ts'
import type { ViewRequest } from '../../django/view.ts'
import { wireEnrollment } from '../wire.ts'

/** What a POST came to ask of the core, and the body for what is read only after the enrollment. */
export interface Order {
  readonly command: EnrollmentCommand
  /** Whose enrollment it is; whether anybody is called so, the core finds out. */
  readonly username: string
  /** The organisation of the course. */
  readonly org: string
  readonly body: JsonObject
}

/** Rows 14 to 22 of rest-v1 §3.2: the enrollment, what goes with it, and the answer. */
export async function carryOut(request: ViewRequest, order: Order): Promise<Settled> {
  try {
    const { refused, enrollment, course } = await change(request, order)
    if (refused !== null) return { answer: refused, enrollment }
    return { answer: { status: 200, body: wireEnrollment(enrollment, course, request) }, enrollment }
  } catch (error) {
    if (!(error instanceof EnrollmentError)) throw error
    if (error.code === 'learnerNotFound') throw noSuchUser(order.username)
    return { answer: await refusal(request, order, error) }
  }
}

/** Row 6. */
export function noSuchUser(username: string): Refusal {
  return new Refusal(message(406, `The user ${username} does not exist.`))
}

/** What was done; a refusal that comes after the enrollment does not take it back (rest-v1 D4). */
interface Done {
  readonly refused: Answer | null
  readonly enrollment: Enrollment
  readonly course: Course
}

async function change(request: ViewRequest, order: Order): Promise<Done> {
  const { db } = request
  const incomplete = order.command.attributes?.some(({ value }) => value === undefined) ?? false
  if (incomplete) return changeWithoutAttributes(request, order)
  if (!hasCompanions(order.body)) return { refused: null, ...(await enrollOnce(db, request, order)) }
  return db.transaction().execute((trx) => changeWithCompanions(trx, request, order))
}

/** Whether anything is to be written beside the enrollment, so that one transaction has to hold both. */
function hasCompanions({ cohort = null, email_opt_in: optIn = null }: JsonObject): boolean {
  return cohort !== null || optIn !== null
}

/** Rows 15g and 19 to 21: what is active already gets nothing further. */
async function changeWithCompanions(trx: Transaction<DB>, request: ViewRequest, order: Order): Promise<Done> {
  const { enrollment, course, isAlreadyActive } = await enrollOnce(trx, request, order)
  if (isAlreadyActive) return { refused: null, enrollment, course }
  const refused = await joinCohort(trx, order, enrollment)
  if (refused === null) await keepOptIn(trx, request, order)
  return { refused, enrollment, course }
}

async function enrollOnce(
  db: Kysely<DB>,
  request: ViewRequest,
  { command }: Pick<Order, 'command'>,
): Promise<{ enrollment: Enrollment; course: Course; isAlreadyActive: boolean }> {
  const { outcome, course } = await enrollInCourse(db, command, metadataOf(request), request.policy)
  const { kind, enrollment } = outcome
  return { enrollment, course, isAlreadyActive: kind === 'unchanged' && enrollment.isActive }
}

/**
 * Row 15h: an attribute without its value is noticed only when it is written. The rules before that see the attributes
 * by their names, in a rehearsal that leaves nothing.
 */
async function changeWithoutAttributes(request: ViewRequest, { command }: Order): Promise<Done> {
  const { db, policy } = request
  const attributes = command.attributes?.map((attribute) => ({ ...attribute, value: attribute.value ?? '' })) ?? null
  const rehearsed = [{ command: { ...command, attributes }, metadata: metadataOf(request) }]
  const { results } = await enrollWhole(db, rehearsed, policy, { strict: false, dryRun: true })
  for (const result of results) if (!result.ok) throw new EnrollmentError(result.error)
  const done = await enrollOnce(db, request, { command: { ...command, attributes: null } })
  return { ...done, refused: done.isAlreadyActive ? null : attributeLacks('value') }
}

/** Rows 19 and 20. */
async function joinCohort(
  trx: Transaction<DB>,
  { username, body }: Order,
  { courseId, userId }: Enrollment,
): Promise<Answer | null> {
  try {
    const cohort = readText(body, 'cohort')
    if (cohort !== null) await assignToCohort(trx, Number(userId), { courseId, cohort })
    return null
  } catch (error) {
    if (error instanceof Refusal) return error.answer
    if (error instanceof EnrollmentError) return answerToChange(error, { username, courseId, mode: null })
    throw error
  }
}

/** Row 21: for the caller, not for the learner; for nobody where only an API key called (rest-v1 D17). */
async function keepOptIn(trx: Transaction<DB>, { rights, now }: ViewRequest, { org, body }: Order): Promise<void> {
  const { email_opt_in: optIn = null } = body
  if (optIn === null || rights.account === null) return
  await recordEmailOptIn(trx, rights.account, { org, value: pythonText(optIn), now })
}

/** The words for what the domain refused; of an unavailable mode they show what the course offers instead (row 16). */
async function refusal({ db, policy, now }: ViewRequest, order: Order, error: EnrollmentError): Promise<Answer> {
  const { courseId, mode } = order.command
  const answer = answerToChange(error, { username: order.username, courseId, mode })
  if (error.failure.code !== 'modeUnavailable') return answer
  const { includeExpired } = error.failure.details
  const details = await renderCourse(db, courseId, { includeExpired, policy, now })
  return { ...answer, body: { ...Object(answer.body), course_details: details } }
}
