import type { LmsWorker } from '../../server/lms/settings.ts'
import { failed, isFailure, type Failure } from './answer.ts'
import type { Http } from './http.ts'

/** Who writes in the LMS, beside the key: the header `Authorization`. */
export interface Credentials {
  /** Null where there is no worker. */
  authorization(signal: AbortSignal): Promise<string | null | Failure>
  /** The LMS did not believe the token: the next one is a new one. */
  forget(): void
}

/** A token is no longer used so long before it ends. */
const EARLY_MS = 60_000

/** A token of which nobody says when it ends is used for so long. */
const UNKNOWN_SECONDS = 300

/** Remembers the token of the worker as long as it is valid (adoption.md §5). */
export function openCredentials(
  worker: LmsWorker | undefined,
  { http, now = Date.now }: { readonly http: Pick<Http, 'send'>; readonly now?: () => number },
): Credentials {
  let kept: { readonly token: string; readonly until: number } | null = null
  return {
    async authorization(signal) {
      if (worker === undefined) return null
      if (worker.jwt !== undefined) return `JWT ${worker.jwt}`
      if (worker.tokenUrl === undefined) return null
      if (kept === null || kept.until <= now()) {
        const asked = now()
        const answer = await askForToken(http, worker.tokenUrl, signal)
        if (isFailure(answer)) return answer
        const lifeMs = answer.seconds * 1_000
        kept = { token: answer.token, until: asked + Math.max(lifeMs - EARLY_MS, lifeMs / 2) }
      }
      return `JWT ${kept.token}`
    },
    forget: () => void (kept = null),
  }
}

async function askForToken(
  http: Pick<Http, 'send'>,
  tokenUrl: string,
  signal: AbortSignal,
): Promise<{ readonly token: string; readonly seconds: number } | Failure> {
  const url = new URL(tokenUrl)
  const [id, secret] = [decodeURIComponent(url.username), decodeURIComponent(url.password)]
  url.username = ''
  url.password = ''
  const body = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: id,
    client_secret: secret,
    token_type: 'jwt',
  })
  const headers = { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' }
  const answer = await http.send({ method: 'POST', url: url.href, headers, body: body.toString() }, signal)
  if (isFailure(answer)) return failed(`No token for the worker: ${answer.words}`, { isForAll: true })
  const token = answer.status === 200 ? tokenIn(answer.text) : null
  // Its words are left out: some endpoints repeat what they were sent.
  return token ?? failed(`No token for the worker: its endpoint answered ${answer.status}`, { isForAll: true })
}

function tokenIn(text: string): { token: string; seconds: number } | null {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof body !== 'object' || body === null || !('access_token' in body)) return null
  const { access_token: token } = body
  const seconds = 'expires_in' in body && typeof body.expires_in === 'number' ? body.expires_in : UNKNOWN_SECONDS
  // In a header it must not be more than one line.
  return typeof token === 'string' && /^[!-~]+$/.test(token) ? { token, seconds } : null
}
