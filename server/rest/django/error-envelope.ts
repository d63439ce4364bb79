import { Refusal, type ViewResponse } from './response.ts'

/** How the routes of an API wrap what they say of a refused request. */
export type ErrorEnvelope = (refused: ViewResponse) => ViewResponse

/** Does a part of the work of a view; a {@link Refusal} leaves it in the view's envelope, where it has one of its own. */
export async function withErrorEnvelope<T>(envelope: ErrorEnvelope | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw error instanceof Refusal && envelope ? new Refusal(envelope(error.response)) : error
  }
}

/**
 * The envelope of `/enrollments`: what other routes call `detail` is a `developer_message` there, and no challenge goes
 * with it (rest-v1 §2.2, §3.7).
 */
export function developerMessageEnvelope({ status, body, headers = {} }: ViewResponse): ViewResponse {
  const { 'www-authenticate': _, ...others } = headers
  const text = textOf(body)
  return { status, body: text === undefined ? body : { developer_message: text }, headers: others }
}

function textOf(body: unknown): unknown {
  if (typeof body !== 'object' || body === null) return undefined
  if ('developer_message' in body) return body.developer_message
  return 'detail' in body ? body.detail : undefined
}
