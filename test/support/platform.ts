import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What a platform does around the service: it has pages, signs learners in, and sends `/api/` on to the service. */
export interface Platform extends AsyncDisposable {
  /** The origin of its own pages, which is not that of the API. */
  readonly pages: string
  /** An origin of somebody else, in the same browser. */
  readonly stranger: string
  /** The origin of the API, of `/login_refresh` and of `/csrf/api/v1/token`. */
  readonly lms: string
  /** What has arrived at the API so far, as `POST /path`. */
  readonly asked: readonly string[]
  /** Names the service, and whom `/login_refresh` signs in. */
  begin(service: string, token: string): void
}

/** Starts a platform on free ports. Its names are of example.org: the browser has to be told that they are here. */
export async function openPlatform(): Promise<Platform> {
  let [service, token] = ['', '']
  const asked: string[] = []
  const pageServer = createServer((_request, response) => page(response))
  const port = await listen(pageServer)
  const pages = `http://apps.lms.example.org:${port}`
  const lmsServer = createServer((incoming, response) => {
    const { method, url = '/' } = incoming
    if (!url.startsWith('/api/')) {
      answer(incoming, response, { pages, token })
      return
    }
    asked.push(`${method} ${url}`)
    forward(incoming, response, service + url)
  })
  const lms = `http://lms.example.org:${await listen(lmsServer)}`
  return {
    pages,
    stranger: `http://stranger.example.org:${port}`,
    lms,
    asked,
    begin: (...given) => void ([service, token] = given),
    async [Symbol.asyncDispose]() {
      await Promise.all([close(pageServer), close(lmsServer)])
    },
  }
}

function page(response: ServerResponse): void {
  response.setHeader('content-type', 'text/html').end('<!doctype html><title>page</title>')
}

function answer(
  { method, url }: IncomingMessage,
  response: ServerResponse,
  given: { pages: string; token: string },
): void {
  response.setHeader('access-control-allow-origin', given.pages)
  response.setHeader('access-control-allow-credentials', 'true')
  response.setHeader('access-control-allow-headers', 'content-type, use-jwt-cookie')
  response.setHeader('content-type', 'application/json')
  if (method === 'OPTIONS') {
    response.writeHead(204).end()
  } else if (url === '/csrf/api/v1/token') {
    const csrfToken = 'a'.repeat(32)
    response.setHeader('set-cookie', `csrftoken=${csrfToken}; Path=/; SameSite=Lax`)
    response.end(JSON.stringify({ csrfToken }))
  } else {
    if (url === '/login_refresh') response.setHeader('set-cookie', jwtCookies(given.token))
    response.end('{"success":true}')
  }
}

/** The part that scripts may read, and the part that they may not. */
function jwtCookies(token: string): string[] {
  const end = token.lastIndexOf('.')
  const common = 'Domain=lms.example.org; Path=/; SameSite=Lax'
  return [
    `edx-jwt-cookie-header-payload=${token.slice(0, end)}; ${common}`,
    `edx-jwt-cookie-signature=${token.slice(end + 1)}; ${common}; HttpOnly`,
  ]
}

/** As a proxy does that keeps `Host`. */
function forward(incoming: IncomingMessage, response: ServerResponse, url: string): void {
  const { method, headers } = incoming
  const onward = request(url, { method, headers }, (received) => {
    response.writeHead(received.statusCode ?? 502, received.headers)
    received.pipe(response)
  })
  incoming.pipe(onward)
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port // it listens on a port
}

function close(server: Server): Promise<unknown> {
  server.closeAllConnections()
  return new Promise((resolve) => server.close(resolve))
}
