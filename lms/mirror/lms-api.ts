import { isFailure, meaningOf, type Meaning } from './answer.ts'
import type { Credentials } from './credentials.ts'
import type { State } from './decide.ts'
import type { Http, HttpRequest } from './http.ts'

/** The enrollment API of the LMS (rest-v1), as far as it is written to. */
export interface LmsApi {
  /** What the LMS says of an enrollment. */
  read(pair: Pair, signal: AbortSignal): Promise<Meaning>
  /** Asks for a state of it. */
  write(pair: Pair, request: WriteRequest, signal: AbortSignal): Promise<Meaning>
}

export interface Pair {
  readonly username: string
  readonly courseId: string
}

export interface WriteRequest {
  readonly state: State
  /** Whether the LMS has none yet. */
  readonly isNew: boolean
  readonly attributes: readonly { readonly namespace: string; readonly name: string; readonly value: string }[]
}

export interface LmsApiOptions {
  /** Without a slash at the end. */
  readonly url: string
  readonly apiKey: string
  readonly hasWorker: boolean
  readonly http: Pick<Http, 'send'>
  readonly credentials: Credentials
}

/** Makes the requests of lms.md D.3: what is asked for is always said in full. */
export function openLmsApi({ url, apiKey, hasWorker, http, credentials }: LmsApiOptions): LmsApi {
  const base = `${url}/api/enrollment/v1/enrollment`
  const send = async (request: Omit<HttpRequest, 'headers'>, signal: AbortSignal): Promise<Meaning> => {
    const authorization = await credentials.authorization(signal)
    if (authorization !== null && typeof authorization !== 'string') return authorization
    const headers = {
      accept: 'application/json',
      'user-agent': 'enrollment-service',
      'x-edx-api-key': apiKey,
      ...(authorization !== null && { authorization }),
      ...(request.body !== undefined && { 'content-type': 'application/json' }),
    }
    const answer = await http.send({ ...request, headers }, signal)
    if (isFailure(answer)) return answer
    if (answer.status === 401) credentials.forget()
    return meaningOf(answer, new Date())
  }
  return {
    read: ({ username, courseId }, signal) =>
      send({ method: 'GET', url: `${base}/${encodeURIComponent(username)},${pathOf(courseId)}` }, signal),
    write: ({ username: user, courseId }, { state, isNew, attributes }, signal) => {
      const body = {
        user,
        course_details: { course_id: courseId },
        mode: state.mode,
        is_active: state.isActive,
        ...(attributes.length > 0 && { enrollment_attributes: attributes }),
        // It was decided here whether the window is open. The LMS heeds it from staff alone.
        ...(isNew && hasWorker && { force_enrollment: true }),
      }
      return send({ method: 'POST', url: base, body: JSON.stringify(body) }, signal)
    },
  }
}

/** A key as a part of a path; those of the old form have slashes in them, which stay (rest-v1 §1.1). */
function pathOf(courseId: string): string {
  return encodeURIComponent(courseId).replaceAll('%2F', '/').replaceAll('%2B', '+').replaceAll('%3A', ':')
}
