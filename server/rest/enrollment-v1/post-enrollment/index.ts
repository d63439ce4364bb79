import type { CourseKey } from '../../../../core/course/key.ts'
import type { EnrollmentCommand } from '../../../../core/enrollment/command.ts'
import { findAccount, type Account } from '../../../../core/learner/account.ts'
import { HIDDEN, message, Refusal, type Answer } from '../../django/answer.ts'
import { audited } from './audit-line.ts'
import { carryOut, noSuchUser, type Order } from './change.ts'
import { readActivation, readAttributes, readBody, readCourseKey, readForce, readName, readText } from './fields.ts'
import type { JsonObject } from '../../django/json.ts'
import { isFalsy, pythonText } from '../../django/text.ts'
import { mayActFor, mayAskForMode } from '../../auth/rights.ts'
import type { ViewRequest } from '../../django/view.ts'

/**
 * POST of R3: enrolls a learner, or changes an enrollment. The checks come in the order of rest-v1 §3.2, the first that
 * fires wins; the rules of enrollment itself, rows 12 to 18, are the core's.
 */
export async function postEnrollment(request: ViewRequest): Promise<Answer> {
  const body = readBody(request.body)
  const courseKey = readCourseKey(body)
  const target = await findTarget(request, body)
  const asked = { username: target.username, courseId: courseKey.text, mode: readMode(request, body) }
  const order = orRefusal(() => readOrder(request, body, { ...asked, org: courseKey.org }))
  await passRowsBeforeOrder(request, courseKey, target, order)
  return audited(
    request,
    { ...asked, activation: body['is_active'] ?? null, findAccount: target.account },
    async () => {
      if (order instanceof Refusal) throw order
      return carryOut(request, order)
    },
  )
}

interface Target {
  readonly username: string
  /** Looks it up where that has not been done yet; null: nobody has the username. */
  readonly account: () => Promise<Account | null>
}

/**
 * Rows 6 and 8. The core looks for the account as well, before all else: it is read here only where something else would
 * be told in its place.
 */
async function passRowsBeforeOrder(
  request: ViewRequest,
  courseKey: CourseKey,
  target: Target,
  order: Order | Refusal,
): Promise<void> {
  if (request.embargo === null && !(order instanceof Refusal)) return
  const account = await target.account()
  if (account === null) throw noSuchUser(target.username)
  await passEmbargo(request, courseKey, account)
}

function orRefusal<T>(read: () => T): T | Refusal {
  try {
    return read()
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
}

/** Rows 3 and 4: by username, by e-mail address, or the caller. */
async function findTarget({ db, rights }: ViewRequest, body: JsonObject): Promise<Target> {
  const username = readName(body, 'user')
  const email = username === null ? readName(body, 'email') : null
  if (email !== null) {
    if (!rights.isPrivileged) throw new Refusal(HIDDEN)
    const account = await findAccount(db, { email })
    if (account !== null) return { username: account.username, account: async () => account }
    throw new Refusal(message(406, `The user with the email address ${email} does not exist.`))
  }
  if (username === null || username === rights.username) {
    // Who shows only a key is nobody, whose username no account has.
    return { username: rights.username, account: async () => rights.account }
  }
  if (!mayActFor(rights, username)) throw new Refusal(HIDDEN)
  return { username, account: () => findAccount(db, { username }) }
}

/** Row 5. */
function readMode({ rights }: ViewRequest, body: JsonObject): string | null {
  const mode = readText(body, 'mode')
  if (mayAskForMode(rights, mode)) return mode
  throw new Refusal(message(403, `User does not have permission to create enrollment with mode [${mode}].`))
}

/** Row 8. A token may make its holder global staff without their account saying so. */
async function passEmbargo(request: ViewRequest, courseKey: CourseKey, learner: Account): Promise<void> {
  const { embargo, rights, addresses, url, log } = request
  const isGlobalStaff = rights.isGlobalStaff && rights.account?.id === learner.id
  await embargo?.({ courseKey, learner, isGlobalStaff, addresses: addresses(), url, log })
}

/** Rows 9 to 13, and the command that the core decides. */
function readOrder(
  { rights }: ViewRequest,
  body: JsonObject,
  { username, courseId, mode, org }: { username: string; courseId: string; mode: string | null; org: string },
): Order {
  const isActive = readActivation(body)
  // An API key does not give it: it takes a person to answer for it.
  const force = readForce(body) && rights.isGlobalStaff
  const attributes = readAttributes(body)
  const command: EnrollmentCommand = {
    learner: { username },
    courseId,
    path: rights.isPrivileged ? 'post' : 'enroll',
    mode,
    isActive,
    activeFirst: false,
    force,
    expiredModeWhenAdding: force,
    expiredModeWhenChanging: rights.hasApiKey,
    attributes,
    expectedVersion: null,
    enterpriseUuid: readEnterpriseUuid(body),
    reason: null,
  }
  return { command, username, org, body }
}

/** Kept as it comes: clients send the text `None` where they have no uuid. */
function readEnterpriseUuid({ enterprise_uuid: uuid }: JsonObject): string | null {
  return uuid === undefined || isFalsy(uuid) ? null : pythonText(uuid)
}
