import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

/** A message that has come. */
export interface Received {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** The body as JSON. */
  readonly message: { type: string; timestamp: string; data: Record<string, unknown> }
  /** Milliseconds since 1970. */
  readonly at: number
}

/** Answers a message; 204 unless one is given. */
export type Respond = (received: Received, response: ServerResponse) => unknown

export interface Receiver extends AsyncDisposable {
  readonly url: string
  readonly received: Received[]
  /** Answers in another way from now on. */
  respond: Respond
}

/** A receiver of webhooks: a real HTTP server that keeps what comes. */
export async function openReceiver(respond: Respond = accept): Promise<Receiver> {
  const received: Received[] = []
  const server = createServer((request, response) => {
    // A sender that is killed leaves half of a request.
    request.on('error', () => {})
    const take = async () => {
      const body = await text(request)
      const message = JSON.parse(body) as Received['message'] // ours
      const each = { path: request.url ?? '', headers: request.headers, body, message, at: Date.now() }
      received.push(each)
      await receiver.respond(each, response)
    }
    take().catch(() => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // of a server on a port
  const receiver: Receiver = {
    url: `http://127.0.0.1:${port}/hook`,
    received,
    respond,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return receiver
}

export function accept(_: Received, response: ServerResponse): void {
  response.writeHead(204).end()
}

/** Answers with a status. */
export function refuse(status: number, headers: Record<string, string> = {}): Respond {
  return (_, response) => response.writeHead(status, headers).end(`status ${status}`)
}

/** Never answers. */
export function hang(): void {}

/** What became of each enrollment, as `username version`, in the order in which it came. */
export function versionsOf(received: readonly Received[]): string[] {
  return received.map(({ message: { data } }) => `${String(data['username'])} ${String(data['version'])}`)
}
