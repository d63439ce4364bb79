import { Agent, type Dispatcher } from 'undici'
import { failureInWords } from '../../server/background/webhooks/failure-words.ts'
import { failed, type Failure, type LmsAnswer } from './answer.ts'

/** Sends requests, each with one time for all of it. */
export interface Http extends AsyncDisposable {
  /**
   * @returns the answer, or why there is none, in words that name no address.
   * @throws the reason of the signal when it is aborted; nothing else.
   */
  send(request: HttpRequest, signal: AbortSignal): Promise<LmsAnswer | Failure>
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

/** Bytes that are read of an answer. */
const MAX_ANSWER = 262_144

/** Opens connections to the LMS. */
export function openHttp({ timeoutMs }: { readonly timeoutMs: number }): Http {
  // A connection that is kept for long may be closed by the other side while a request is on its way.
  const agent = new Agent({ headersTimeout: 0, bodyTimeout: 0, keepAliveTimeout: 1_000, keepAliveMaxTimeout: 1_000 })
  return {
    async send({ method, url, headers, body }, signal) {
      const late = new AbortController()
      const timer = setTimeout(() => late.abort(), timeoutMs)
      try {
        const { origin, pathname, search } = new URL(url)
        const answer = await agent.request({
          origin,
          path: pathname + search,
          method,
          headers,
          body: body ?? null,
          signal: AbortSignal.any([signal, late.signal]),
        })
        return await read(answer)
      } catch (error) {
        signal.throwIfAborted()
        if (late.signal.aborted) return failed(`No answer within ${timeoutMs / 1_000} s`, { mayRun: true })
        return failed(failureInWords(error), { isForAll: true, mayRun: true })
      } finally {
        clearTimeout(timer)
      }
    },
    [Symbol.asyncDispose]: () => agent.destroy(),
  }
}

async function read({ statusCode: status, headers, body }: Dispatcher.ResponseData): Promise<LmsAnswer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    length += chunk.length
    // Leaving the loop closes the connection: what else comes is never read.
    if (length > MAX_ANSWER) break
  }
  const retryAfter = headers['retry-after']
  return {
    status,
    retryAfter: (Array.isArray(retryAfter) ? retryAfter[0] : retryAfter) ?? null,
    text: Buffer.concat(chunks).toString('utf8'),
  }
}
