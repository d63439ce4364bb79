import { setTimeout as sleep } from 'node:timers/promises'

/** A request without what says where it goes. */
export interface Request {
  readonly method: string
  /** With its query, percent-encoded. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | undefined
}

/** What a server answered. */
export interface Answer {
  readonly status: number
  /** By lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly text: string
}

/** A server of the REST API, ours or an LMS. */
export interface Server extends AsyncDisposable {
  readonly url: string
  /**
   * Sends a request and reads its answer; redirects are answers. Where the server says that there were too many requests (429)
   * it waits as long as the server asks for, at most two minutes at a time.
   *
   * @throws {NoAnswer}
   */
  send(request: Request): Promise<Answer>
}

/** A server did not answer, or with more than is read; the message says what happened. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer'
}

export interface ServerOptions {
  readonly timeoutMs: number
  /** Open at the same time. */
  readonly connections: number
  /** Sent with every request, credentials among them. */
  readonly headers?: Readonly<Record<string, string>>
  /** Told how long a 429 makes us wait, in seconds. */
  readonly onWait?: (seconds: number) => void
}

/** More than any answer of the API holds. */
const LONGEST_ANSWER = 8 * 1024 * 1024
const MOST_TRIES = 4
const LONGEST_WAIT_S = 120

/**
 * Opens a server.
 *
 * @param url without a slash at its end; what paths are appended to.
 */
export function openServer(url: string, { timeoutMs, connections, headers = {}, onWait }: ServerOptions): Server {
  const { origin, pathname } = new URL(url)
  const pool = import('undici').then(({ Pool }) => new Pool(origin, { connections, connectTimeout: timeoutMs }))
  const prefix = pathname === '/' ? '' : pathname

  const once = async (request: Request): Promise<Answer> => {
    const answered = await (
      await pool
    ).request({
      method: request.method,
      path: prefix + sendable(request.path),
      headers: { accept: 'application/json', ...headers, ...request.headers },
      body: request.body ?? null,
      signal: AbortSignal.timeout(timeoutMs),
    })
    const pieces: Buffer[] = []
    let length = 0
    for await (const piece of answered.body as AsyncIterable<Buffer>) {
      length += piece.length
      if (length > LONGEST_ANSWER) throw new NoAnswer(`The answer of ${url} is longer than 8 MB`)
      pieces.push(piece)
    }
    return {
      status: answered.statusCode,
      headers: Object.fromEntries(Object.entries(answered.headers).map(([name, value]) => [name, String(value)])),
      text: Buffer.concat(pieces).toString('utf8'),
    }
  }

  return {
    url,
    async send(request) {
      for (let tries = 1; ; tries += 1) {
        const answer = await once(request).catch((error: unknown) => {
          throw noAnswer(url, error, timeoutMs)
        })
        if (answer.status !== 429 || tries === MOST_TRIES) return answer
        const seconds = Math.min(Number(answer.headers['retry-after']) || 1, LONGEST_WAIT_S)
        onWait?.(seconds)
        await sleep(seconds * 1_000)
      }
    },
    [Symbol.asyncDispose]: async () => (await pool).destroy(),
  }
}

/** What HTTP does not let stand in a path is percent-encoded; what is encoded already stays as it was sent. */
function sendable(path: string): string {
  return path.replace(/[^\u0021-\u007e]+/gu, (text) => encodeURIComponent(text.toWellFormed()))
}

function noAnswer(url: string, error: unknown, timeoutMs: number): NoAnswer {
  if (error instanceof NoAnswer) return error
  const { name = '', message = String(error), code = '' } = error as { name?: string; message?: string; code?: string }
  const isLate = name === 'TimeoutError' || code === 'UND_ERR_CONNECT_TIMEOUT'
  const words = isLate ? `does not answer within ${timeoutMs / 1_000} s` : `cannot be reached: ${message || code}`
  return new NoAnswer(`${url} ${words}`, { cause: error })
}
