import type { FastifyRequest } from 'fastify'
import type { Account } from '../../../core/learner/account.ts'
import { authenticationFailed, detail, Refusal } from '../django/response.ts'
import type { TokenErrorCode } from './jwt.ts'

/** A token that somebody showed. */
export interface Credentials {
  readonly token: string
  /** Whether a browser sent it by itself, in cookies: then the request may be forged. */
  readonly isSession: boolean
  /** Whether it came as `Bearer` and is no JWT. */
  readonly isOpaque: boolean
  /** Says that the token is wrong, in the form that goes with the way it came. */
  readonly refuse: (reason: string, code?: TokenErrorCode) => Refusal
}

/**
 * Whom the cookies of a browser let in: everybody with an account, only who is active, or nobody (rest-v1 §2.1). They
 * stand in for the sessions of the original (D8).
 */
export type SessionRule = 'anybody' | 'active' | 'nobody'

/**
 * The token of a request: that of `Authorization: JWT <token>` or `Bearer <token>`, and otherwise that of the cookies,
 * where a route takes them (rest-v1 §2.1, D8, D9). Null: none was shown.
 *
 * @throws {Refusal} 401 for a header without a token, or with more than one.
 */
export function credentialsOf(request: FastifyRequest, takesSession: boolean): Credentials | null {
  const [scheme = '', ...credentials] = (request.headers.authorization ?? '').trim().split(/\s+/)
  const refuse = REFUSALS.get(scheme.toLowerCase())
  if (refuse === undefined) return takesSession ? sessionCredentials(request) : null
  const [token, ...more] = credentials
  if (token === undefined) throw refuse('Invalid token header. No credentials provided.')
  if (more.length > 0) throw refuse('Invalid token header. Token string should not contain spaces.')
  return { token, isSession: false, isOpaque: refuse === invalidBearer && !JWT.test(token), refuse }
}

const JWT = /^[^.]*\.[^.]*\.[^.]*$/

/**
 * Refuses the bearer of a token whose account is not active; the same token as `JWT` is not looked at like that
 * (rest-v1 §2.1, §2.2).
 *
 * @throws {Refusal} 401
 */
export function refuseInactiveBearer({ headers }: FastifyRequest, account: Account | null): void {
  if (account === null || account.isActive || !/^\s*bearer\s/i.test(headers.authorization ?? '')) return
  const text = `User inactive or deleted: ${account.username}`
  throw new Refusal(authenticationFailed({ error_code: 'user_not_active', developer_message: text }))
}

/**
 * Refuses whoever has an account that staff has disabled, whatever they showed: the original does so before anything else.
 *
 * @throws {Refusal} 403
 */
export function refuseDisabled({ isDisabled }: Pick<Account, 'isDisabled'>): void {
  if (isDisabled) throw new Refusal(detail(403, 'Your account has been disabled.'))
}

function sessionCredentials(request: FastifyRequest): Credentials | null {
  const token = sessionToken(request)
  return token === null ? null : { token, isSession: true, isOpaque: false, refuse: invalidJwt }
}

const HEADER_AND_PAYLOAD = 'edx-jwt-cookie-header-payload'
const SIGNATURE = 'edx-jwt-cookie-signature'

/**
 * The token that two cookies hold between them, so that scripts of a page can read what it says and cannot take it away.
 * It counts only with `USE-JWT-COOKIE: true`, which tells the scripts of the platform from other requests of the browser
 * (D8). Null: there is none, or half of one.
 */
function sessionToken({ headers, cookies }: FastifyRequest): string | null {
  const { 'use-jwt-cookie': usesCookies } = headers
  if (typeof usesCookies !== 'string' || usesCookies.toLowerCase() !== 'true') return null
  const { [HEADER_AND_PAYLOAD]: headerAndPayload = '', [SIGNATURE]: signature = '' } = cookies
  return headerAndPayload === '' || signature === '' ? null : `${headerAndPayload}.${signature}`
}

function invalidJwt(reason: string): Refusal {
  return new Refusal(authenticationFailed({ detail: reason }))
}

function invalidBearer(reason: string, code: TokenErrorCode = 'token_malformed'): Refusal {
  return new Refusal(authenticationFailed({ error_code: code, developer_message: reason }))
}

const REFUSALS: ReadonlyMap<string, Credentials['refuse']> = new Map([
  ['jwt', invalidJwt],
  ['bearer', invalidBearer],
])
