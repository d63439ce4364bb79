import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

/** Seconds for which somebody who has signed in stays so (bulk §6). */
export const SESSION_S = 12 * 3_600

/**
 * Makes and reads sessions of the console. A session is signed with a key made of the token with which somebody signed in: it
 * holds in every process and after a restart, and ends with its token. Nothing is stored, and the token is not in it.
 *
 * @param names of the callers, by their secret.
 */
export function consoleSessions(names: ReadonlyMap<string, string>): ConsoleSessions {
  const callers = [...names].map(([secret, name]) => ({ secret, name }))
  return {
    begin(secret, now) {
      const claims = `${Math.floor(now.getTime() / 1_000) + SESSION_S}.${randomBytes(12).toString('base64url')}`
      return `${claims}.${signatureOf(claims, secret)}`
    },
    callerOf(session, now) {
      const [, claims, until, signature] = /^((\d{1,11})\.[\w-]{16})\.([\w-]{43})$/.exec(session) ?? []
      if (claims === undefined || signature === undefined) return undefined
      if (Number(until) * 1_000 <= now.getTime()) return undefined
      return callers.find(({ secret }) => isSame(signatureOf(claims, secret), signature))?.name
    },
  }
}

export interface ConsoleSessions {
  /** The value of the cookie for whoever has shown this token. */
  begin(secret: string, now: Date): string
  /** The name of the caller whose token began the session; undefined: it is none, or it is over. */
  callerOf(session: string, now: Date): string | undefined
}

function signatureOf(claims: string, secret: string): string {
  return createHmac('sha256', `console session of ${secret}`).update(claims).digest('base64url')
}

/** Both have the length of a digest. */
function isSame(ours: string, theirs: string): boolean {
  return timingSafeEqual(Buffer.from(ours), Buffer.from(theirs))
}
