import type { FastifyReply, FastifyRequest } from 'fastify'
import { detail, Refusal } from '../django/answer.ts'
import { csrfSourceFault, isSecureRequest } from './csrf-source.ts'
import { csrfFormatFault, csrfSecretOf, isSameCsrfSecret, newCsrfSecret } from './csrf-token.ts'

const COOKIE = 'csrftoken'
/** Seconds; Django's year of 52 weeks. */
const MAX_AGE_S = 31_449_600
const SAFE_METHODS: readonly string[] = ['GET', 'HEAD', 'OPTIONS', 'TRACE']

/**
 * Refuses a request that changes something when another site may have made the browser send it: it has to come from the
 * right place, and to repeat the secret of the cookie in `X-CSRFToken`, plain or masked (rest-v1 §2.5). A field of a form
 * does not count: the body is read later.
 *
 * @throws {Refusal} 403 with the reason in the words of Django.
 */
export function refuseForgery(request: FastifyRequest, trustedOrigins: readonly string[]): void {
  if (SAFE_METHODS.includes(request.method)) return
  const fault = csrfSourceFault(request, trustedOrigins) ?? tokenFault(request)
  if (fault !== null) throw new Refusal(detail(403, `CSRF Failed: ${fault}`))
}

function tokenFault({ cookies: { [COOKIE]: secret }, headers: { 'x-csrftoken': token } }: FastifyRequest) {
  if (secret === undefined) return 'CSRF cookie not set.'
  const faultOfCookie = csrfFormatFault(secret)
  if (faultOfCookie !== null) return `CSRF cookie ${faultOfCookie}.`
  if (typeof token !== 'string') return 'CSRF token missing.'
  const fault = csrfFormatFault(token) ?? (isSameCsrfSecret(token, secret) ? null : 'incorrect')
  return fault && `CSRF token from the 'X-Csrftoken' HTTP header ${fault}.`
}

/**
 * Gives a browser the secret that it has to repeat, or the one that it has for another year; scripts of the page may read
 * it. The original can send it a second time to pages of another domain, under a configured name: no setting gives one
 * here, and such pages ask for it, see `csrfTokenRoute` (rest-v1 §2.5).
 *
 * @returns the secret.
 */
export function sendCsrfCookie(request: FastifyRequest, reply: FastifyReply, now: Date): string {
  const { [COOKIE]: known = '' } = request.cookies
  const secret = csrfFormatFault(known) === null ? csrfSecretOf(known) : newCsrfSecret()
  reply.setCookie(COOKIE, secret, {
    expires: new Date(now.getTime() + MAX_AGE_S * 1_000),
    maxAge: MAX_AGE_S,
    path: '/',
    sameSite: 'lax',
    secure: isSecureRequest(request),
  })
  varyBy(reply, 'Cookie')
  return secret
}

/** Tells caches that the answer depends on a header of the request, beside those that it names already. */
function varyBy(reply: FastifyReply, header: string): void {
  const named = reply.getHeader('vary')
  reply.header('vary', named === undefined ? header : `${String(named)}, ${header}`)
}
