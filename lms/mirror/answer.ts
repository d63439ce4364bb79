import { retryAfterMs } from '../../core/webhook/schedule.ts'
import type { State } from './decide.ts'

/** An answer of the LMS over HTTP. */
export interface LmsAnswer {
  readonly status: number
  readonly retryAfter: string | null
  readonly text: string
}

/** What an answer means. */
export type Meaning =
  /** What the LMS says of the enrollment; null: that it has none. */
  | { readonly kind: 'state'; readonly state: State | null }
  /** For good, in the words of the LMS. */
  | { readonly kind: 'refused'; readonly words: string }
  | Failure

/** It is tried again. */
export interface Failure {
  readonly kind: 'failed'
  readonly words: string
  /** Whether every other request would fail as well. */
  readonly isForAll: boolean
  /** Milliseconds that the LMS asks to be left alone. */
  readonly waitMs: number | null
  /** Whether the LMS may still be at it. */
  readonly mayRun: boolean
}

/**
 * Finds out what an answer means (adoption.md §5): 4xx is for good, but for what is about our credentials (401, 403 without the
 * words of an enrollment, 404 without any) or about time (408, 425, 429).
 */
export function meaningOf(answer: LmsAnswer, now: Date): Meaning {
  const { status, text } = answer
  if (status >= 200 && status < 300) return stateIn(text) ?? failed(`Answered ${status}, but with no enrollment`)
  const words = wordsIn(text)
  const told = `Answered ${status}${words === '' ? '' : `: ${words}`}`
  if (status === 401 || (status === 403 && !isAboutEnrollment(text))) return failed(told, { isForAll: true })
  // An empty 404 is how the LMS says that one may not look at others (rest-v1 §2.2).
  if (status === 404 && words === '') return failed(told, { isForAll: true })
  const waitMs = retryAfterMs(answer.retryAfter, now)
  if (status === 429 || status === 503) return failed(told, { isForAll: true, waitMs })
  if (status === 502 || status === 504 || status < 400) return failed(told, { isForAll: true, mayRun: status === 504 })
  if (status >= 500 || status === 408 || status === 425) return failed(told, { waitMs })
  return { kind: 'refused', words: words === '' ? told : words }
}

/** Whether there was no answer to find a meaning in. */
export function isFailure(value: object): value is Failure {
  return 'kind' in value && value.kind === 'failed'
}

/** A request that is tried again. */
export function failed(words: string, rest: Partial<Omit<Failure, 'kind' | 'words'>> = {}): Failure {
  return { kind: 'failed', words, isForAll: false, waitMs: null, mayRun: false, ...rest }
}

function stateIn(text: string): Meaning | null {
  if (text.trim() === '') return { kind: 'state', state: null }
  const body = parsed(text)
  if (body === null) return { kind: 'state', state: null }
  if (typeof body !== 'object' || !('mode' in body) || !('is_active' in body)) return null
  const { mode, is_active: isActive } = body
  return typeof mode === 'string' && typeof isActive === 'boolean' ? { kind: 'state', state: { mode, isActive } } : null
}

/** Refusals of an enrollment have a `message`, those of the framework a `detail` (rest-v1 §2.3, §3.2). */
function isAboutEnrollment(text: string): boolean {
  const body = parsed(text)
  return typeof body === 'object' && body !== null && 'message' in body
}

/** Characters that are kept of what the LMS says. */
const MAX_WORDS = 500

/** What the LMS says for people: the message, or the text of a page. */
function wordsIn(text: string): string {
  const body = parsed(text)
  const fields = typeof body === 'object' && body !== null ? new Map(Object.entries(body)) : new Map<string, unknown>()
  const message = ['message', 'detail', 'developer_message']
    .map((key) => fields.get(key))
    .find((each) => typeof each === 'string')
  const words = typeof message === 'string' ? message : text.replaceAll(/<(style|script)[\s\S]*?<\/\1>|<[^>]*>/g, ' ')
  return words
    .replaceAll(/[\0\s]+/g, ' ')
    .trim()
    .slice(0, MAX_WORDS)
    .toWellFormed()
}

/** Undefined: it is not JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
