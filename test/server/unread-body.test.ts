// slow: waits for deadlines
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDatabase } from '../../core/database/open.ts'
import { buildTestApp, openTestServer, secrets } from '../support/server.ts'

const KILOBYTE = 1_024
const REST = '/api/enrollment/v1'
const KEY = `x-edx-api-key: ${secrets.edxApiKeys[0]}`

// No database is there: what is refused by its head asks nothing of it.
const db = openDatabase({ connectionString: 'postgresql://nobody@127.0.0.1:1/none' })
let server: Awaited<ReturnType<typeof openTestServer>>
beforeAll(async () => void (server = await openTestServer(buildTestApp({ db, env: { RATE_LIMITS: 'off' } }))))
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await db.destroy()
})

const refused: [what: string, requestLine: string, headers: string[], status: number][] = [
  ['an unknown path', 'POST /nowhere', [], 404],
  ['an unknown path of the API', `POST ${REST}/nowhere`, [], 404],
  ['nobody', `POST ${REST}/enrollment`, [], 401],
  ['a wrong method', `PUT ${REST}/enrollment`, [KEY], 405],
  ['a type that is no JSON', `POST ${REST}/enrollment`, [KEY, 'content-type: text/plain'], 415],
]

describe('what is refused by its head is answered before its body has come (rest-v1 D20)', () => {
  test.for(refused)('%s', async ([, requestLine, headers, status]) => {
    for (const framing of ['content-length: 50000', 'content-length: 10000000000', 'transfer-encoding: chunked']) {
      const client = await send(requestLine, [...headers, framing])
      await client.answered
      expect(client.received(), framing).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
      client.socket.destroy()
    }
  })

  test('a stranger of the private listener', async () => {
    const client = await send('POST /trpc/enrollment.enroll', ['content-length: 10000000'], server.internal)
    await client.answered
    expect(client.received()).toMatch(/^HTTP\/1\.1 401 /)
    client.socket.destroy()
  })
})

describe('then', () => {
  test.for(refused)('the connection ends after at most 64 KB of it: %s', async ([, requestLine, headers]) => {
    const client = await send(requestLine, [...headers, 'content-length: 100000000'])
    await client.answered
    // What the two kernels hold between them is not read.
    const sent = await stream(client.socket)
    expect(client.socket.destroyed).toBe(true)
    expect(sent).toBeLessThan(100_000_000)
  })

  test('a short body is read, and the connection is good for another request', async () => {
    const client = await send('POST /nowhere', [`content-length: ${50 * KILOBYTE}`])
    await client.answered
    client.socket.write(`${'x'.repeat(50 * KILOBYTE)}GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`)
    await client.closed
    expect(client.received()).toMatch(/^HTTP\/1\.1 404 .*HTTP\/1\.1 200 /s)
  })

  test('who goes on slowly is not waited for', { timeout: 20_000 }, async () => {
    const client = await send('POST /nowhere', ['content-length: 60000'])
    await client.answered
    const drip = setInterval(() => client.socket.write('x'), 100)
    const started = performance.now()
    await client.closed
    clearInterval(drip)
    expect(performance.now() - started).toBeGreaterThan(4_000)
    expect(client.received()).not.toContain('408')
  })
})

test('a client that sends a large body sees what it was refused for', async () => {
  for (let round = 0; round < 20; round += 1) {
    const answer = await fetch(`${server.url}/nowhere`, { method: 'POST', body: 'x'.repeat(5_000_000) })
    expect(answer.status).toBe(404)
    expect(await answer.json()).toEqual({ detail: 'Not found.' })
  }
})

interface Client {
  socket: Socket
  received(): string
  answered: Promise<void>
  closed: Promise<void>
}

async function send(requestLine: string, headers: string[], url = server.url): Promise<Client> {
  const { port, hostname } = new URL(url)
  const socket = connect(Number(port), hostname)
  let received = ''
  const answered = Promise.withResolvers<void>()
  socket.on('data', (chunk) => {
    received += chunk.toString()
    if (received.includes('}')) answered.resolve()
  })
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) => void socket.on('close', () => resolve()))
  socket.write([`${requestLine} HTTP/1.1`, 'host: x', ...headers, '', ''].join('\r\n'))
  return { socket, received: () => received, answered: answered.promise, closed }
}

/** Sends until the server hangs up; gives how many bytes. */
async function stream(socket: Socket): Promise<number> {
  const chunk = Buffer.alloc(16 * KILOBYTE, 'x')
  let sent = 0
  while (!socket.destroyed && sent < 100_000_000) {
    sent += chunk.length
    if (!socket.write(chunk)) await Promise.race([delay(50), new Promise((resolve) => socket.once('drain', resolve))])
  }
  return sent
}
