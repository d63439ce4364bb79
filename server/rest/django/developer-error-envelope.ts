import type { Answer } from './answer.ts'

/**
 * The envelope of the one route that has its own: what others call `detail` is a `developer_message` there, and no
 * challenge goes with it (rest-v1 §2.2, §3.7).
 */
export function developerErrorEnvelope({ status, body, headers = {} }: Answer): Answer {
  const { 'www-authenticate': _, ...others } = headers
  const words = wordsOf(body)
  return { status, body: words === undefined ? body : { developer_message: words }, headers: others }
}

function wordsOf(body: unknown): unknown {
  if (typeof body !== 'object' || body === null) return undefined
  if ('developer_message' in body) return body.developer_message
  return 'detail' in body ? body.detail : undefined
}
