import type { CourseKey } from '../../../../core/course/key.ts'
import { findAccount, type Account } from '../../../../core/learner/account.ts'
import { mayActFor, mayAskForMode } from '../../auth/rights.ts'
import { requireObject } from '../../django/body.ts'
import type { JsonObject } from '../../django/json.ts'
import { HIDDEN, message, Refusal, type ViewResponse } from '../../django/response.ts'
import type { ViewRequest } from '../../view.ts'
import { applyChange, noSuchUser, type PostRequest } from './apply-change.ts'
import { withAuditLine } from './audit-line.ts'
import type { RequestedChange } from './errors.ts'
import {
  readActivation,
  readAttributes,
  readCourseKey,
  readEmailOptIn,
  readEnterpriseUuid,
  readForce,
  readMode,
  readName,
} from './fields.ts'
import { withRefusalLine } from './refusal-line.ts'

/**
 * POST of R3: enrolls a learner, or changes an enrollment. The checks come in the order of rest-v1 §3.2, the first that
 * fires wins; the rules of enrollment itself, rows 12 to 18, are the core's.
 */
export function postEnrollment(request: ViewRequest): Promise<ViewResponse> {
  return withRefusalLine(request, () => answerPost(request))
}

async function answerPost(request: ViewRequest): Promise<ViewResponse> {
  const body = requireObject(request.body)
  const courseKey = readCourseKey(body)
  const target = await findTarget(request, body)
  const requested = { username: target.username, courseId: courseKey.text, mode: readPermittedMode(request, body) }
  const post = orRefusal(() => readPost(request, body, requested, courseKey.org))
  await checkTarget(request, courseKey, target, post)
  const audited = { ...requested, activation: body['is_active'] ?? null, findAccount: target.account }
  return withAuditLine(request, audited, async () => {
    if (post instanceof Refusal) throw post
    return applyChange(request, post)
  })
}

interface Target {
  readonly username: string
  /** Looks it up where that has not been done yet; null: nobody has the username. */
  readonly account: () => Promise<Account | null>
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
function readPermittedMode({ rights }: ViewRequest, body: JsonObject): string | null {
  const mode = readMode(body)
  if (mayAskForMode(rights, mode)) return mode
  throw new Refusal(message(403, `User does not have permission to create enrollment with mode [${mode}].`))
}

/** Rows 9 to 13, and the command that the core decides. */
function readPost(
  { rights }: ViewRequest,
  body: JsonObject,
  { username, courseId, mode }: RequestedChange,
  org: string,
): PostRequest {
  const isActive = readActivation(body)
  // An API key does not give it: it takes a person to answer for it.
  const force = readForce(body) && rights.isGlobalStaff
  return {
    command: {
      learner: { username },
      courseId,
      path: rights.isPrivileged ? 'post' : 'enroll',
      mode,
      isActive,
      activeFirst: false,
      force,
      expiredModeWhenAdding: force,
      expiredModeWhenChanging: rights.hasApiKey,
      attributes: readAttributes(body),
      expectedVersion: null,
      enterpriseUuid: readEnterpriseUuid(body),
      reason: null,
    },
    username,
    org,
    cohort: body['cohort'] ?? null,
    emailOptIn: readEmailOptIn(body),
  }
}

/** What is wrong with rows 9 to 13 is told only after rows 6 and 8. */
function orRefusal<T>(read: () => T): T | Refusal {
  try {
    return read()
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
}

/**
 * Rows 6 and 8. The core looks for the account as well, before all else: it is read here only where something else would
 * be told in its place.
 */
async function checkTarget(
  request: ViewRequest,
  courseKey: CourseKey,
  target: Target,
  post: PostRequest | Refusal,
): Promise<void> {
  if (request.embargo === null && !(post instanceof Refusal)) return
  const account = await target.account()
  if (account === null) throw noSuchUser(target.username)
  await checkEmbargo(request, courseKey, account)
}

/** Row 8. A token may make its holder global staff without their account saying so. */
async function checkEmbargo(request: ViewRequest, courseKey: CourseKey, learner: Account): Promise<void> {
  const { embargo, rights, addresses, url, log } = request
  const isGlobalStaff = rights.isGlobalStaff && rights.account?.id === learner.id
  await embargo?.({ courseKey, learner, isGlobalStaff, addresses: addresses(), url, log })
}
