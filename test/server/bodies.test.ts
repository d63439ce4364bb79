import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openDatabase } from '../../core/database/open.ts'
import { buildTestApp, openTestServer, secrets } from '../support/server.ts'

const PATH = '/api/enrollment/v1/enrollment'
const MEGABYTE = 1_048_576
const PATIENCE_MS = 500

// No database is there: what is refused here is refused before anything is asked of it.
const db = openDatabase({ connectionString: 'postgresql://nobody@127.0.0.1:1/none' })
const app = buildTestApp({ db, env: { RATE_LIMITS: 'off' } })
let server: Awaited<ReturnType<typeof openTestServer>>
/** For what is refused, or read, for another reason than the time: a machine may stand still for longer than that. */
let patient: typeof server
const patience = app.server.requestTimeout
beforeAll(async () => {
  // Shortened so that a test can wait for its end; Node.js looks now and then whether it is over.
  const shorter = { requestTimeout: PATIENCE_MS, headersTimeout: PATIENCE_MS, connectionsCheckingInterval: 50 }
  Object.assign(app.server, shorter)
  server = await openTestServer(app)
  patient = await openTestServer(buildTestApp({ db, env: { RATE_LIMITS: 'off' } }))
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await patient[Symbol.asyncDispose]()
  await db.destroy()
})

test('a request has a minute to arrive', () => expect(patience).toBe(60_000))

test('a body that says it is over the limit is 413, before it is sent', async () => {
  const { status, body } = await talk(patient, head({ 'content-length': MEGABYTE + 1 }))
  expect(status).toBe('HTTP/1.1 413 Payload Too Large')
  expect(body).toEqual({ detail: 'Request body is too large' })
})

test('one that does not say how long it is, is 413 once it is over', async () => {
  const chunk = `${(64 * 1_024).toString(16)}\r\n${'x'.repeat(64 * 1_024)}\r\n`
  const { status, body } = await talk(patient, head({ 'transfer-encoding': 'chunked' }) + chunk.repeat(17))
  expect(status).toBe('HTTP/1.1 413 Payload Too Large')
  expect(body).toEqual({ detail: 'Request body is too large' })
})

test('one at the limit is read', async () => {
  const { status, body } = await talk(patient, head({ 'content-length': MEGABYTE }) + '['.padEnd(MEGABYTE, ' '))
  expect(status).toBe('HTTP/1.1 400 Bad Request')
  expect(body).toMatchObject({ detail: expect.stringMatching(/^JSON parse error - /) })
})

test.for([
  ['of the headers', 'POST /api/enrollment/v1/enrollment HTTP/1.1\r\nHost: x\r\n'],
  ['of the body', `${head({ 'content-length': 100 })}{"user":`],
] as const)('who stops in the middle %s is cut off', async ([, bytes]) => {
  const started = performance.now()
  const { status, body, isClosed } = await talk(server, bytes)
  expect(status).toBe('HTTP/1.1 408 Request Timeout')
  expect(body).toEqual({ detail: 'Request Timeout.' })
  expect(isClosed).toBe(true)
  expect(performance.now() - started).toBeGreaterThan(PATIENCE_MS - 50)
})

test('so is who sends a byte now and then', async () => {
  const { status, isClosed } = await talk(server, head({ 'content-length': 100_000 }), (socket) => {
    const drip = setInterval(() => socket.write(' '), 20)
    socket.once('close', () => clearInterval(drip))
  })
  expect(status).toBe('HTTP/1.1 408 Request Timeout')
  expect(isClosed).toBe(true)
})

test.for([
  ['what is no HTTP', 'hello\r\n\r\n', '400 Bad Request'],
  ['two lengths', `${head({ 'content-length': '1\r\nContent-Length: 2' })}{}`, '400 Bad Request'],
  ['headers without end', head({ 'x-long': 'x'.repeat(20_000) }), '431 Request Header Fields Too Large'],
] as const)('%s is refused in a known form', async ([, bytes, status]) => {
  const answer = await talk(patient, bytes)
  expect(answer.status).toBe(`HTTP/1.1 ${status}`)
  expect(answer.body).toEqual({ detail: `${status.slice(4)}.` })
})

function head(headers: Record<string, string | number>): string {
  const all = { host: 'x', 'content-type': 'application/json', 'x-edx-api-key': secrets.edxApiKeys[0], ...headers }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`)
  return [`POST ${PATH} HTTP/1.1`, ...lines, '', ''].join('\r\n')
}

/** Sends bytes as they are and waits until the server hangs up, or has answered whole. */
async function talk(
  { url }: typeof server,
  bytes: string,
  andThen: (socket: Socket) => void = () => {},
): Promise<{ status: string | undefined; body: unknown; isClosed: boolean }> {
  const { port, hostname } = new URL(url)
  const socket = connect(Number(port), hostname)
  let received = ''
  let isClosed = false
  await new Promise<void>((resolve) => {
    socket.on('data', (chunk) => {
      received += chunk.toString()
      // Without hanging up, when what was sent has been read.
      if (/^HTTP\/1\.1 400 .*JSON parse error/s.test(received)) resolve()
    })
    // A server that hangs up while it is still being sent to resets the connection.
    socket.on('error', () => {})
    socket.on('close', () => {
      isClosed = true
      resolve()
    })
    socket.write(bytes)
    andThen(socket)
  })
  socket.destroy()
  const [lines = '', text = ''] = received.split('\r\n\r\n')
  return { status: lines.split('\r\n')[0], body: text === '' ? undefined : JSON.parse(text), isClosed }
}
