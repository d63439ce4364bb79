import type { FastifyReply, FastifyRequest } from 'fastify'
import { detail, Refusal } from '../django/response.ts'
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
 * @throws {Refusal} 403 with Django's text for the reason.
 */
export function refuseForgery(request: FastifyRequest, trustedOrigins: readonly string[]): void {
  if (SAFE_METHODS.includes(request.method)) return
  const fault = sourceFault(request, trustedOrigins) ?? tokenFault(request)
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

/**
 * Looks at where a request comes from, as Django does: `Origin` has to be the server's own or an allow-listed one; where
 * a secure request has none, the same goes for `Referer` (rest-v1 §2.5). Whether a request is secure is what the trusted
 * proxy says.
 *
 * @param trusted origins that are allowed; one that is not secure counts only for requests that are not.
 * @returns what is wrong, in Django's text; null: nothing.
 */
function sourceFault(request: FastifyRequest, trusted: readonly string[]): string | null {
  const isSecure = isSecureRequest(request)
  const { origin, referer } = request.headers
  if (origin !== undefined) {
    const own = `${isSecure ? 'https' : 'http'}://${request.host}`
    const isTrusted = trusted.includes(origin) && (isSecureUrl(origin) || !isSecure)
    if (origin === own || isTrusted) return null
    return `Origin checking failed - ${origin} does not match any trusted origins.`
  }
  return isSecure ? refererFault(referer, request.host, trusted) : null
}

/** Whether the request came over HTTPS, by the word of the trusted proxy; whatever else it says is no other scheme. */
export function isSecureRequest({ protocol }: FastifyRequest): boolean {
  return protocol.toLowerCase() === 'https'
}

function refererFault(referer: string | undefined, host: string, trusted: readonly string[]): string | null {
  if (referer === undefined) return 'Referer checking failed - no Referer.'
  const url = URL.parse(referer)
  if (url === null || url.host === '') return 'Referer checking failed - Referer is malformed.'
  if (!isSecureUrl(referer)) return 'Referer checking failed - Referer is insecure while host is secure.'
  if (url.origin === URL.parse(`https://${host}`)?.origin || trusted.includes(url.origin)) return null
  return `Referer checking failed - ${referer} does not match any trusted origins.`
}

function isSecureUrl(url: string): boolean {
  return URL.parse(url)?.protocol === 'https:'
}
