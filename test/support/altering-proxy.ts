import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

/** An answer on its way through. */
export interface PassingAnswer {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: string
}

/** A request on its way through. */
export interface PassingRequest {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export interface AlteringProxy extends AsyncDisposable {
  readonly url: string
  /** What has come through so far. */
  readonly seen: PassingRequest[]
}

/** Stands before a server and changes its answers, so that a test has one that is wrong in one thing. */
export async function openAlteringProxy(
  target: string,
  alter: (answer: PassingAnswer, request: PassingRequest) => PassingAnswer | undefined = () => undefined,
): Promise<AlteringProxy> {
  const seen: PassingRequest[] = []
  const server = createServer((incoming, response) => void pass(incoming, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // it listens on a port

  async function pass(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url = '/', headers } = incoming
    const body = (await buffer(incoming)).toString()
    const asked = { method, url, headers, body }
    seen.push(asked)
    const answered = await forward(asked)
    const answer = alter(answered, asked) ?? answered
    const { 'content-length': length, 'transfer-encoding': _coding, ...others } = answer.headers
    for (const [name, value] of Object.entries(others)) if (value !== undefined) response.setHeader(name, value)
    const isBodiless = method === 'HEAD' || length === undefined
    const newLength = isBodiless ? length : String(Buffer.byteLength(answer.body))
    if (newLength !== undefined) response.setHeader('content-length', newLength)
    response.writeHead(answer.status)
    response.end(answer.body)
  }

  function forward({ method, url, headers, body }: PassingRequest): Promise<PassingAnswer> {
    return new Promise((resolve, reject) => {
      const onward = request(target + url, { method, headers }, (received) => {
        buffer(received).then(
          (bytes) => resolve({ status: received.statusCode ?? 502, headers: received.headers, body: bytes.toString() }),
          reject,
        )
      })
      onward.on('error', reject).end(body)
    })
  }

  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
