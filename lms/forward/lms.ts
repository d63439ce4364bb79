import { request } from 'undici'

/** The REST API of the LMS, as this service calls it. */
export interface Lms {
  /** @throws {LmsAway} when it does not answer in time, or not in a way that can be passed on. */
  send(call: LmsCall): Promise<LmsAnswer>
}

export interface LmsCall {
  readonly method: 'GET' | 'POST'
  /** Path and query. */
  readonly address: string
  readonly body?: string
  readonly acceptLanguage?: string | undefined
}

export interface LmsAnswer {
  readonly status: number
  readonly contentType: string
  readonly text: string
  /** The body where it is JSON. */
  readonly json: unknown
}

/** The LMS does not answer. */
export class LmsAway extends Error {
  override readonly name = 'LmsAway'
}

/** The longest answer that is read, in bytes. */
const MAX_ANSWER = 1_048_576

/** Opens the LMS at a URL without a slash at its end. */
export function openLms({
  url,
  apiKey,
  timeoutMs,
}: {
  readonly url: string
  readonly apiKey: string
  readonly timeoutMs: number
}): Lms {
  return {
    async send({ method, address, body, acceptLanguage }) {
      const headers = {
        'x-edx-api-key': apiKey,
        accept: 'application/json',
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(acceptLanguage !== undefined && { 'accept-language': acceptLanguage }),
      }
      const signal = AbortSignal.timeout(timeoutMs)
      try {
        const answer = await request(`${url}${address}`, {
          method,
          headers,
          signal,
          ...(body !== undefined && { body }),
        })
        return await read(answer)
      } catch (error) {
        throw new LmsAway('The LMS does not answer', { cause: error })
      }
    },
  }
}

async function read({ statusCode, headers, body }: Awaited<ReturnType<typeof request>>): Promise<LmsAnswer> {
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of body) {
    const bytes = piece as Buffer // undici gives bytes
    size += bytes.length
    if (size > MAX_ANSWER) throw new RangeError('The answer is too long')
    pieces.push(bytes)
  }
  const text = Buffer.concat(pieces).toString()
  return {
    status: statusCode,
    contentType: String(headers['content-type'] ?? 'application/json'),
    text,
    json: jsonOf(text),
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
