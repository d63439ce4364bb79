import type { IncomingHttpHeaders } from 'node:http'

/**
 * Whether a page of this server made the browser send a request: what another site sends never counts, however it has come by the
 * cookie. Browsers say so in `Sec-Fetch-Site`; over plain HTTP to another machine they do not, and `Origin` or `Referer` says it.
 * A request that says nothing is no request of the console.
 */
export function isSameOrigin(headers: IncomingHttpHeaders): boolean {
  const { 'sec-fetch-site': site, origin, referer, host } = headers
  if (site !== undefined) return site === 'same-origin'
  const from = origin ?? referer
  return from !== undefined && host !== undefined && URL.parse(from)?.host === host
}
