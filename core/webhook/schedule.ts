/** Milliseconds before each further attempt, after the first one (events.md §3). */
export const RETRY_DELAYS_MS: readonly number[] = [
  5_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000, 36_000_000,
]

/** Milliseconds that an endpoint may fail before it is disabled, from the first failure since the last success. */
export const FAILING_LIMIT_MS = 5 * 24 * 3_600_000

/** The longest `Retry-After` that is kept to: an endpoint that fails for longer is disabled in any case. */
const MAX_WAIT_MS = FAILING_LIMIT_MS

/** After so many waits a further one counts as an attempt, so that nothing is tried for ever. */
const MAX_WAITS = 1_000

/** What came of an attempt. */
export type Answer =
  | { readonly kind: 'answered'; readonly status: number; readonly retryAfter: string | null }
  /** No answer: the address was refused, the connection failed, or the time was over. */
  | { readonly kind: 'failed'; readonly error: string }

/** What a delivery becomes after an attempt. */
export interface AfterAttempt {
  readonly state: 'pending' | 'delivered' | 'dead'
  /** Null unless it is pending. */
  readonly nextAttemptAt: Date | null
  /** Whether it waits as the receiver asked for, and its schedule goes on from where it was. */
  readonly isWait: boolean
  /** In plain words; null when it is delivered. */
  readonly error: string | null
  /** Whether the endpoint is gone for good. */
  readonly isGone: boolean
}

export interface AttemptContext {
  /** Attempts and waits before this one. */
  readonly attempts: number
  readonly waits: number
  readonly now: Date
  /** From 0 to 1, 1 not included. */
  readonly random: number
}

/** Decides what follows from the answer to an attempt (events.md §3). */
export function afterAttempt(answer: Answer, context: AttemptContext): AfterAttempt {
  if (answer.kind === 'failed') return tryAgain(answer.error, context)
  const { status, retryAfter } = answer
  if (status >= 200 && status < 300) return { ...DONE, state: 'delivered', error: null }
  if (status === 410) return { ...DONE, state: 'dead', error: 'Answered 410: the endpoint is gone', isGone: true }
  if (status >= 300 && status < 400) return tryAgain(`Answered ${status}: redirects are not followed`, context)
  const waitMs = status === 429 || status === 503 ? retryAfterMs(retryAfter, context.now) : null
  if (waitMs === null || context.waits >= MAX_WAITS) return tryAgain(`Answered ${status}`, context)
  const nextAttemptAt = new Date(context.now.getTime() + waitMs)
  return {
    ...DONE,
    state: 'pending',
    nextAttemptAt,
    isWait: true,
    error: `Answered ${status}: to be tried again later`,
  }
}

const DONE = { nextAttemptAt: null, isWait: false, isGone: false } as const

function tryAgain(error: string, { attempts, waits, now, random }: AttemptContext): AfterAttempt {
  const delay = RETRY_DELAYS_MS[attempts - waits]
  if (delay === undefined) return { ...DONE, state: 'dead', error }
  return { ...DONE, state: 'pending', nextAttemptAt: new Date(now.getTime() + withJitter(delay, random)), error }
}

/** A delay that is 10 to 25 % longer or shorter, so that what failed together is not tried again together. */
export function withJitter(delayMs: number, random: number): number {
  const share = 0.1 + 0.15 * ((random * 2) % 1)
  return Math.round(delayMs * (random < 0.5 ? 1 - share : 1 + share))
}

/**
 * The milliseconds that a `Retry-After` asks for: seconds, or an HTTP date (RFC 9110, section 10.2.3).
 *
 * @returns at least one second; null for what is neither.
 */
export function retryAfterMs(header: string | null, now: Date): number | null {
  if (header === null) return null
  const text = header.trim()
  const ms = millisecondsUntil(text, now)
  return ms === null ? null : Math.min(Math.max(ms, 1_000), MAX_WAIT_MS)
}

function millisecondsUntil(text: string, now: Date): number | null {
  if (/^\d+$/.test(text)) return Number(text) * 1_000
  // The form of `asctime` names no zone, and means UTC.
  const instant = HTTP_DATE.test(text) ? Date.parse(text.endsWith('GMT') ? text : `${text} GMT`) : Number.NaN
  return Number.isNaN(instant) ? null : instant - now.getTime()
}

/** In the form of today, and in the two old ones that readers have to accept. */
const HTTP_DATE =
  /^[A-Z][a-z]{2,8},? (\d{2}[ -][A-Z][a-z]{2}[ -]\d{2,4} [\d:]{8} GMT|[A-Z][a-z]{2} [ \d]\d [\d:]{8} \d{4})$/

/** Whether an endpoint has failed for so long that it is disabled. */
export function hasFailedTooLong(failingSince: string | null, now: Date): boolean {
  return failingSince !== null && now.getTime() - Date.parse(failingSince) >= FAILING_LIMIT_MS
}
