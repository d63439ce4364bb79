import type { FastifyRequest } from 'fastify'

/**
 * Looks at where a request comes from, as Django does: `Origin` has to be the server's own or an allow-listed one; where
 * a secure request has none, the same goes for `Referer` (rest-v1 §2.5). Whether a request is secure is what the trusted
 * proxy says.
 *
 * @param trusted origins that are allowed; one that is not secure counts only for requests that are not.
 * @returns what is wrong, in Django's words; null: nothing.
 */
export function csrfSourceFault(request: FastifyRequest, trusted: readonly string[]): string | null {
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

/** Whether the request came over HTTPS, by the word of the trusted proxy. */
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
