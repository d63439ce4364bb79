/** What a request is answered with. Without a body there is no `Content-Type` either. */
export interface Answer {
  readonly status: number
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** Ends a request early: the first check that fires wins (rest-v1 §2.1, §3.2). */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly answer: Answer

  constructor(answer: Answer) {
    super(`refused with ${answer.status}`)
    this.answer = answer
  }
}

/** An answer in the words of the framework of the original (rest-v1 §2.3). */
export function detail(status: number, text: string, headers: Answer['headers'] = {}): Answer {
  return { status, body: { detail: text }, headers }
}

/** An answer in the words of the door's own checks (rest-v1 §3). */
export function message(status: number, text: string): Answer {
  return { status, body: { message: text } }
}

/** 404 without a body: it tells nobody whether the account exists (rest-v1 §2.2). */
export const HIDDEN: Answer = { status: 404 }

/** The database does not answer: the same request may succeed in a moment. */
export const UNAVAILABLE: Answer = detail(503, 'Service temporarily unavailable, try again later.', {
  'retry-after': '1',
})

const CHALLENGE = { 'www-authenticate': 'JWT realm="api"' }

/** 401 for a caller who showed nothing that counts here. */
export const NOT_AUTHENTICATED: Answer = detail(401, 'Authentication credentials were not provided.', CHALLENGE)

/** 401 for credentials that are wrong. */
export function authenticationFailed(body: object): Answer {
  return { status: 401, body, headers: CHALLENGE }
}

export const NOT_PERMITTED: Answer = detail(403, 'You do not have permission to perform this action.')

/** JSON as the original writes it: compact, and safe inside JavaScript. */
export function serialize(body: unknown): string {
  return JSON.stringify(body).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')
}
