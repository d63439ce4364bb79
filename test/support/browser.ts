import type { JWTPayload } from 'jose'
import { signToken, type Answered } from './rest.ts'

/** A secret as a browser keeps it, and in the masked form that the platform hands to scripts: 32 times the letter a. */
export const CSRF = { secret: 'a'.repeat(32), masked: 'Q'.repeat(64), wrong: 'b'.repeat(32) }

/** The two cookies of a learner's token, in the header that a browser makes of them. */
export async function jwtCookies(learner: { username: string }, claims: JWTPayload = {}): Promise<string> {
  return splitIntoCookies(await signToken({ preferred_username: learner.username, ...claims }))
}

/** The two cookies of a token. */
export function splitIntoCookies(token: string): string {
  const end = token.lastIndexOf('.')
  return `edx-jwt-cookie-header-payload=${token.slice(0, end)}; edx-jwt-cookie-signature=${token.slice(end + 1)}`
}

/** What the scripts of the platform send from a page of the same site: all that a change needs. */
export async function sessionOf(
  learner: { username: string },
  claims: JWTPayload = {},
): Promise<{ cookie: string; 'use-jwt-cookie': string; 'x-csrftoken': string }> {
  const cookie = `${await jwtCookies(learner, claims)}; csrftoken=${CSRF.secret}`
  return { cookie, 'use-jwt-cookie': 'true', 'x-csrftoken': CSRF.masked }
}

/** The cookies that an answer sets. */
export function cookiesOf({ headers }: Answered): string[] {
  return [headers['set-cookie'] ?? []].flat()
}
