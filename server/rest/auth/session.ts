import type { FastifyRequest } from 'fastify'

/**
 * Whom the cookies of a browser let in: everybody with an account, only who is active, or nobody (rest-v1 §2.1). They
 * stand in for the sessions of the original (D8).
 */
export type SessionRule = 'anybody' | 'active' | 'nobody'

const HEADER_AND_PAYLOAD = 'edx-jwt-cookie-header-payload'
const SIGNATURE = 'edx-jwt-cookie-signature'

/**
 * The token that two cookies hold between them, so that scripts of a page can read what it says and cannot take it away.
 * It counts only with `USE-JWT-COOKIE: true`, which tells the scripts of the platform from other requests of the browser
 * (D8). Null: there is none, or half of one.
 */
export function sessionToken({ headers, cookies }: FastifyRequest): string | null {
  const { 'use-jwt-cookie': asked } = headers
  if (typeof asked !== 'string' || asked.toLowerCase() !== 'true') return null
  const { [HEADER_AND_PAYLOAD]: headerAndPayload = '', [SIGNATURE]: signature = '' } = cookies
  return headerAndPayload === '' || signature === '' ? null : `${headerAndPayload}.${signature}`
}
