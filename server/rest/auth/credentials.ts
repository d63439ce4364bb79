import type { FastifyRequest } from 'fastify'
import { authenticationFailed, Refusal } from '../django/answer.ts'
import { sessionToken } from './session.ts'

/** A token that somebody showed. */
export interface Credentials {
  readonly token: string
  /** Whether a browser sent it by itself, in cookies: then the request may be forged. */
  readonly isSession: boolean
  /** Says that the token is wrong, in the words that go with the way it came. */
  readonly refuse: (reason: string) => Refusal
}

/**
 * The token of a request: that of `Authorization: JWT <token>` or `Bearer <token>`, and otherwise that of the cookies,
 * where a route takes them (rest-v1 §2.1, D8, D9). Null: none was shown.
 *
 * @throws {Refusal} 401 for a header without a token, or with more than one.
 */
export function credentialsOf(request: FastifyRequest, takesSession: boolean): Credentials | null {
  const [scheme = '', ...credentials] = (request.headers.authorization ?? '').trim().split(/\s+/)
  const refuse = refusals.get(scheme.toLowerCase())
  if (refuse === undefined) return takesSession ? sessionCredentials(request) : null
  const [token, ...more] = credentials
  if (token === undefined) throw refuse('Invalid token header. No credentials provided.')
  if (more.length > 0) throw refuse('Invalid token header. Token string should not contain spaces.')
  return { token, isSession: false, refuse }
}

function sessionCredentials(request: FastifyRequest): Credentials | null {
  const token = sessionToken(request)
  return token === null ? null : { token, isSession: true, refuse: invalidJwt }
}

function invalidJwt(reason: string): Refusal {
  return new Refusal(authenticationFailed({ detail: reason }))
}

/** No opaque tokens are issued: a bearer's that is no JWT is malformed (D9). */
function invalidBearer(reason: string): Refusal {
  return new Refusal(authenticationFailed({ error_code: 'token_malformed', developer_message: reason }))
}

const refusals: ReadonlyMap<string, (reason: string) => Refusal> = new Map([
  ['jwt', invalidJwt],
  ['bearer', invalidBearer],
])
