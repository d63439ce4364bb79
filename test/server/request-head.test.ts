import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDatabase } from '../../core/database/open.ts'
import { buildTestApp, openTestServer } from '../support/server.ts'

// No database is there: what is refused by its head asks nothing of it.
const db = openDatabase({ connectionString: 'postgresql://nobody@127.0.0.1:1/none' })
let server: Awaited<ReturnType<typeof openTestServer>>
beforeAll(async () => void (server = await openTestServer(buildTestApp({ db }))))
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await db.destroy()
})

const PATHS = ['/api/enrollment/v1/enrollment', '/api/enrollment/v1/nowhere', '/healthz', '/nowhere']

describe('two hosts are 400, on both listeners (rest-v1 D23)', () => {
  test.for(PATHS)('%s', async (path) => {
    for (const url of [server.url, server.internal]) {
      const { status, body } = await talk(url, `GET ${path} HTTP/1.1\r\nHost: a\r\nhOST: b\r\n\r\n`)
      expect([status, body]).toEqual(['HTTP/1.1 400 Bad Request', { detail: 'Bad Request.' }])
    }
  })

  test('one is none of them, whatever it looks like', async () => {
    const { status } = await talk(
      server.url,
      'GET /healthz HTTP/1.1\r\nHost: a\r\nX-Host: b\r\nConnection: close\r\n\r\n',
    )
    expect(status).toBe('HTTP/1.1 200 OK')
  })
})

describe('unknown transfer codings are 501 (rest-v1 D23)', () => {
  test.for(['gzip', 'gzip, chunked', 'identity', 'xchunked', 'gzip\r\nTransfer-Encoding: chunked'])(
    '%s',
    async (coding) => {
      for (const path of PATHS) {
        const head = `POST ${path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ${coding}\r\n\r\n`
        const { received } = await talk(server.url, `${head}0\r\n\r\n`)
        expect(received).toMatch(/^HTTP\/1\.1 501 Not Implemented\r\n/)
        expect(received).toMatch(/\r\n\r\n\{"detail":"Not Implemented\."\}$/)
      }
    },
  )

  test('chunks are known, in any letters', async () => {
    const head = 'POST /nowhere HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\nConnection: close\r\n\r\n'
    expect((await talk(server.url, `${head}0\r\n\r\n`)).status).toBe('HTTP/1.1 404 Not Found')
  })

  test('a length beside them is still 400', async () => {
    const head = 'POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n'
    expect((await talk(server.url, head)).status).toBe('HTTP/1.1 400 Bad Request')
  })
})

describe('TRACE is 405 on every known path, before credentials (rest-v1 D23)', () => {
  test.for([
    ['/api/enrollment/v1/enrollment', 'GET, POST, HEAD, OPTIONS'],
    ['/api/enrollment/v1/roles/', 'GET, HEAD, OPTIONS'],
    ['/api/bulk_enroll/v1/bulk_enroll', 'POST, OPTIONS'],
    ['/csrf/api/v1/token', 'GET, HEAD'],
    ['/openapi.json', 'GET, HEAD'],
    ['/healthz', 'GET, HEAD'],
    ['/readyz', 'GET, HEAD'],
  ] as const)('%s', async ([path, allow]) => {
    const { status, body, received } = await talk(server.url, trace(path))
    expect([status, body]).toEqual(['HTTP/1.1 405 Method Not Allowed', { detail: 'Method "TRACE" not allowed.' }])
    expect(received.toLowerCase()).toContain(`\r\nallow: ${allow.toLowerCase()}\r\n`)
  })

  test('with the form of errors that the route has', async () => {
    const { body } = await talk(server.url, trace('/api/enrollment/v1/enrollments'))
    expect(body).toEqual({ developer_message: 'Method "TRACE" not allowed.' })
  })

  test('of the private listener too, without a token', async () => {
    expect((await talk(server.internal, trace('/trpc/enrollment.enroll'))).status).toBe(
      'HTTP/1.1 405 Method Not Allowed',
    )
    expect((await talk(server.internal, trace('/healthz'))).status).toBe('HTTP/1.1 405 Method Not Allowed')
  })

  test.for(['/nowhere', '/api/enrollment/v1/nowhere', '/trpc/enrollment.enroll'])(
    '%s is unknown there',
    async (path) => {
      expect((await talk(server.url, trace(path))).status).toBe('HTTP/1.1 404 Not Found')
    },
  )
})

function trace(path: string): string {
  return `TRACE ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`
}

/** Sends bytes as they are, and waits until the server hangs up. */
async function talk(
  url: string,
  bytes: string,
): Promise<{ status: string | undefined; body: unknown; received: string }> {
  const { port, hostname } = new URL(url)
  const socket = connect(Number(port), hostname)
  let received = ''
  socket.on('data', (chunk) => (received += chunk.toString()))
  // A server that hangs up while it is still being sent to resets the connection.
  socket.on('error', () => {})
  const closed = new Promise((resolve) => socket.on('close', resolve))
  socket.write(bytes)
  await closed
  const [lines = '', text = ''] = received.split('\r\n\r\n')
  return { status: lines.split('\r\n')[0], body: text === '' ? undefined : JSON.parse(text), received }
}
