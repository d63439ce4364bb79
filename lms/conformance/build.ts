import type { Request } from '../exchange/server.ts'
import type { Caller, Case, Expected, Standing, Step } from './case.ts'

// How the tables of cases write requests and answers.

export const V1 = '/api/enrollment/v1'
export const BULK_ENROLL = '/api/bulk_enroll/v1/bulk_enroll'

/** A request to a path under the base path, or of another mount. */
export function send(method: string, path: string, headers: Record<string, string> = {}, body?: string): Request {
  return { method, path: path.startsWith('/api/') ? path : V1 + path, headers, body }
}

export function get(path: string, headers: Record<string, string> = {}): Request {
  return send('GET', path, headers)
}

/** With a body of JSON, or of a text as it is. */
export function postTo(path: string, body: unknown, method = 'POST'): Request {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return send(method, path, { 'content-type': 'application/json' }, text)
}

/** POST /enrollment. */
export function post(body: unknown): Request {
  return postTo('/enrollment', body)
}

/** POST /enrollment for a course run. */
export function enroll(courseId: string, more: object = {}): Request {
  return post({ course_details: { course_id: courseId }, ...more })
}

/** With the fields of a form. */
export function form(path: string, fields: Record<string, string>, method = 'POST'): Request {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  return send(method, path, headers, new URLSearchParams(fields).toString())
}

/** The body is one text under one key. */
export function says(status: number, message: string, key = 'message'): Expected {
  return { status, json: { [key]: message } }
}

/** 200 with at least this. */
export function ok(like: unknown): Expected {
  return { status: 200, like }
}

/** 200, of an enrollment that stands so. */
export function stands(words: string, user?: string): Expected {
  const [activity, mode] = words.split(' ')
  return ok({ mode, is_active: activity === 'active', ...(user !== undefined && { user }) })
}

/** Whatever comes of it, as when something is cleared away. */
export const ANY: Expected = { status: null }
export const EMPTY: Expected = { status: 200, text: '', headers: { 'content-type': null } }
export const HIDDEN: Expected = { status: 404, text: '', headers: { 'content-type': null } }
export const NOT_FOUND: Expected = says(404, 'Not found.', 'detail')
export const NOT_PERMITTED = says(403, 'You do not have permission to perform this action.', 'detail')
export const NO_CREDENTIALS: Expected = {
  ...says(401, 'Authentication credentials were not provided.', 'detail'),
  headers: { 'www-authenticate': 'JWT realm="api"' },
}

export function step(as: Caller, request: Request, expect: Expected): Step {
  return { as, request, expect }
}

type More = Partial<Pick<Case, 'has' | 'after' | 'known'>>

/** A case of one request. */
export function one(
  section: string,
  what: string,
  [as, request, expect]: readonly [Caller, Request, Expected],
  more: More = {},
): Case {
  return { section, what, steps: [step(as, request, expect)], ...more }
}

/** A case of several. */
export function several(section: string, what: string, steps: readonly Step[], more: More = {}): Case {
  return { section, what, steps, ...more }
}

/** One enrollment of one learner. */
export function standing(username: string, courseId: string, words: string): readonly Standing[] {
  return [[username, courseId, words]]
}
