import { fastifyCookie } from '@fastify/cookie'
import type { FastifyRequest } from 'fastify'
import { callersByToken } from './bearer.ts'
import { isSameOrigin } from './console/same-origin.ts'
import { consoleSessions, type ConsoleSessions } from './console/session.ts'
import { canonicalAddress } from './rest/checks/client-address.ts'
import type { WrongCredentials } from './wrong-credentials.ts'

/** The cookie in which a browser keeps its session of the console. */
export const SESSION_COOKIE = 'enrollment_console'

/** Who may call on the private listener (rpc §1, bulk §6). */
export interface InternalCallers {
  /** The name of whoever shows this token; undefined: nobody's. */
  readonly byToken: (token: string) => string | undefined
  /**
   * The name of who sends a request: by `Authorization: Bearer <token>` or, where there is none, by the session of a page of this
   * server. A wrong token is answered after a while, where there were many.
   */
  readonly of: (request: FastifyRequest) => Promise<string | undefined>
  readonly sessions: ConsoleSessions
  readonly wrongCredentials: WrongCredentials
}

/** @param internalTokens names of the callers, by their secret. */
export function internalCallers({
  internalTokens,
  wrongCredentials,
  now = () => new Date(),
}: Options): InternalCallers {
  const byHeader = callersByToken(internalTokens)
  const sessions = consoleSessions(internalTokens)
  return {
    byToken: (token) => byHeader(`Bearer ${token}`),
    sessions,
    wrongCredentials,
    async of({ headers, ip }) {
      const { authorization, cookie } = headers
      if (authorization === undefined) return cookie === undefined ? undefined : bySession(headers, cookie)
      const caller = byHeader(authorization)
      if (caller === undefined) await wrongCredentials(canonicalAddress(ip))
      return caller
    },
  }

  function bySession(headers: FastifyRequest['headers'], cookie: string): string | undefined {
    const session = fastifyCookie.parse(cookie)[SESSION_COOKIE]
    return session === undefined || !isSameOrigin(headers) ? undefined : sessions.callerOf(session, now())
  }
}

interface Options {
  readonly internalTokens: ReadonlyMap<string, string>
  readonly wrongCredentials: WrongCredentials
  readonly now?: (() => Date) | undefined
}
