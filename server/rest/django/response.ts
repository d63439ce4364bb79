/** What a view answers. Without a body there is no `Content-Type` either (rest-v1 §2.3). */
export interface ViewResponse {
  readonly status: number
  readonly body?: unknown
  /** A body that is sent as it is, in place of `body`. */
  readonly raw?: { readonly contentType: string; readonly text: string }
  readonly headers?: Readonly<Record<string, string>>
  /** Whether the body tells of what was done, whatever the status: it is never shortened then. */
  readonly isResult?: boolean
}

/** Ends a request early: the first check that fires wins (rest-v1 §2.1, §3.2). */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly response: ViewResponse

  constructor(response: ViewResponse) {
    super(`refused with ${response.status}`)
    this.response = response
  }
}

/** A response in the form of Django REST framework itself: `{"detail": text}` (rest-v1 §2.3). */
export function detail(status: number, text: string, headers: ViewResponse['headers'] = {}): ViewResponse {
  return { status, body: { detail: text }, headers }
}

/** A response in the form of the API's own checks: `{"message": text}` (rest-v1 §3). */
export function message(status: number, text: string): ViewResponse {
  return { status, body: { message: text } }
}

/** 404 without a body: it tells nobody whether the account exists (rest-v1 §2.2). */
export const HIDDEN: ViewResponse = { status: 404 }

/** 404 for a path that is none, and for what is to look like one (rest-v1 D12, D13). */
export const NOT_FOUND: ViewResponse = detail(404, 'Not found.')

/** 503: the database, or another service that is needed, does not answer. */
export const UNAVAILABLE: ViewResponse = unavailableAfter('1')

/** The same with the seconds after which it is worth trying again. */
export function unavailableAfter(seconds: string): ViewResponse {
  return detail(503, 'Service temporarily unavailable, try again later.', { 'retry-after': seconds })
}

const CHALLENGE = { 'www-authenticate': 'JWT realm="api"' }

/** 401 for a caller without credentials. */
export const NOT_AUTHENTICATED: ViewResponse = detail(401, 'Authentication credentials were not provided.', CHALLENGE)

/** 401 for credentials that are wrong. */
export function authenticationFailed(body: object): ViewResponse {
  return { status: 401, body, headers: CHALLENGE }
}

/** 403 for a caller who may not use the route. */
export const NOT_PERMITTED: ViewResponse = detail(403, 'You do not have permission to perform this action.')

/** 403 for a change in a course run whose enrollments the LMS writes (adoption.md §3). */
export function ownedByLms(courseId: string): ViewResponse {
  return message(403, `Enrollments in the course run '${courseId}' are changed in the LMS, not here.`)
}

/** 405 for a method that the route does not have; `Allow` is a header of every response of the route. */
export function methodNotAllowed(method: string): ViewResponse {
  return detail(405, `Method "${method}" not allowed.`)
}

/** JSON as the original writes it: compact, and safe inside JavaScript. */
export function serialize(body: unknown): string {
  return JSON.stringify(body).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')
}
