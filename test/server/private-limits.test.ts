import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openDatabase } from '../../core/database/open.ts'
import { buildTestApp, openTestServer } from '../support/server.ts'

// The private listener has the limits of the public one, and tells of them in the words of the typed API (rpc §1).

const PATIENCE_MS = 500
// No database is there: what is refused here is refused before anything is asked of it.
const db = openDatabase({ connectionString: 'postgresql://nobody@127.0.0.1:1/none' })
const app = buildTestApp({ db })
let server: Awaited<ReturnType<typeof openTestServer>>
/** For what is refused for another reason than the time: a machine may stand still for longer than that. */
let patient: typeof server
beforeAll(async () => {
  // Shortened so that a test can wait for its end: the private server has what the public one has.
  const shorter = { requestTimeout: PATIENCE_MS, headersTimeout: PATIENCE_MS, connectionsCheckingInterval: 50 }
  Object.assign(app.server, shorter)
  server = await openTestServer(app)
  patient = await openTestServer(buildTestApp({ db }))
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await patient[Symbol.asyncDispose]()
  await db.destroy()
})

const drip = (socket: Socket) => {
  const timer = setInterval(() => socket.write(' '), 20)
  socket.once('close', () => clearInterval(timer))
}

test.for<[string, string, (socket: Socket) => void, number, string]>([
  ['a body that comes in drops', head({ 'content-length': 100_000 }), drip, 408, 'TIMEOUT'],
  ['a body that does not come', head({ 'content-length': 100_000 }), () => {}, 408, 'TIMEOUT'],
  ['headers that come in drops', 'POST /trpc/enrollment.enroll HTTP/1.1\r\nx: ', drip, 408, 'TIMEOUT'],
  ['headers without end', head({ 'x-long': 'x'.repeat(20_000) }), () => {}, 431, 'BAD_REQUEST'],
  ['what is no HTTP', 'hello\r\n\r\n', () => {}, 400, 'BAD_REQUEST'],
])('%s: refused, and the connection ends', async ([, bytes, andThen, status, code]) => {
  const answer = await talk(status === 408 ? server : patient, bytes, andThen)
  expect(answer.status).toBe(status)
  expect(answer.body).toMatchObject({ error: { message: expect.any(String), data: { code, httpStatus: status } } })
})

function head(headers: Record<string, string | number>): string {
  const all = { host: 'x', 'content-type': 'application/json', authorization: 'Bearer token-of-enterprise', ...headers }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`)
  return ['POST /trpc/enrollment.enroll HTTP/1.1', ...lines, '', ''].join('\r\n')
}

/** Sends bytes as they are and waits until the server hangs up. */
async function talk(
  { internal }: typeof server,
  bytes: string,
  andThen: (socket: Socket) => void,
): Promise<{ status: number; body: unknown }> {
  const { port, hostname } = new URL(internal)
  const socket = connect(Number(port), hostname)
  let received = ''
  socket.on('data', (chunk) => (received += chunk.toString()))
  // A server that hangs up while it is still being sent to resets the connection.
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
  socket.write(bytes)
  andThen(socket)
  await closed
  const [lines = '', text = ''] = received.split('\r\n\r\n')
  return { status: Number(lines.split(' ')[1]), body: text === '' ? undefined : JSON.parse(text) }
}
