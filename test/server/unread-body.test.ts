// slow: waits for deadlines
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDatabase } from '../../core/database/open.ts'
import { buildTestApp, openTestServer, secrets } from '../support/server.ts'

const KILOBYTE = 1_024
const REST = '/api/enrollment/v1'
const KEY = `x-edx-api-key: ${secrets.edxApiKeys[0]}`
const TOKEN = `authorization: Bearer ${[...secrets.internalTokens.keys()][0]}`
const JSON_TYPE = 'content-type: application/json'

// No database is there: what is refused by its head asks nothing of it.
const db = openDatabase({ connectionString: 'postgresql://nobody@127.0.0.1:1/none' })
let server: Awaited<ReturnType<typeof openTestServer>>
const served: string[] = []
beforeAll(async () => {
  const app = buildTestApp({ db, env: { RATE_LIMITS: 'off' } })
  app.addHook('preHandler', async ({ url }) => void served.push(url))
  server = await openTestServer(app)
})
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
    const client = await send(requestLine, [...headers, 'content-length: 100000000'], server.url, { leaves: false })
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
})

const tooLong: [where: string, requestLine: string, headers: string[], limit: number, url: () => string][] = [
  ['public', `POST ${REST}/enrollment`, [KEY, JSON_TYPE], 1_048_576, () => server.url],
  ['private', 'POST /trpc/enrollment.enroll', [TOKEN, JSON_TYPE], 16 * 1_048_576, () => server.internal],
]

describe.each(tooLong)('what is too long for the %s listener', (_where, requestLine, headers, limit, url) => {
  test('is refused before it comes, and the connection ends after at most 64 KB of it', async () => {
    const client = await send(requestLine, [...headers, 'content-length: 100000000'], url(), { leaves: false })
    await client.answered
    expect(client.received()).toMatch(/^HTTP\/1\.1 413 [^{]*\r\nconnection: close\r\n/i)
    expect(await stream(client.socket)).toBeLessThan(100_000_000)
    expect(client.socket.destroyed).toBe(true)
  })

  test('is refused once it is over, where it does not say so, and the connection ends', async () => {
    const client = await send(requestLine, [...headers, 'transfer-encoding: chunked'], url(), { leaves: false })
    const chunk = `${(64 * KILOBYTE).toString(16)}\r\n${'x'.repeat(64 * KILOBYTE)}\r\n`
    client.socket.write(chunk.repeat(limit / (64 * KILOBYTE) + 1))
    await client.answered
    expect(client.received()).toMatch(/^HTTP\/1\.1 413 [^{]*\r\nconnection: close\r\n/i)
    await stream(client.socket, Buffer.from(chunk))
    expect(client.socket.destroyed).toBe(true)
  })

  test('hides no request in its body, and none that comes after it is served', async () => {
    const hidden = 'GET /healthz?hidden HTTP/1.1\r\nhost: x\r\n\r\n'
    const announced = await send(requestLine, [...headers, `content-length: ${limit + 1}`], url())
    await announced.answered
    announced.socket.write(hidden.repeat(10))
    const chunked = await send(requestLine.replace(/\S+$/, '/nowhere'), ['transfer-encoding: chunked'], url())
    await chunked.answered
    chunked.socket.write(`5\r\nhello\r\n0\r\n\r\n${hidden}`)
    await Promise.all([announced.closed, chunked.closed])
    for (const { received } of [announced, chunked]) expect(received().match(/HTTP\/1\.1/g)).toHaveLength(1)
    expect(served.filter((path) => path.endsWith('?hidden'))).toEqual([])
  })
})

// Each takes a deadline of five seconds, and nothing of the processor: all at the same time.
describe.concurrent('who goes on slowly is not waited for:', () => {
  test('what is refused', async () => {
    const client = await send('POST /nowhere', ['content-length: 60000'])
    await hearsTheEnd(client)
    expect(client.received()).not.toContain('408')
  })

  test.each(tooLong)('what is too long for the %s listener', async (_where, requestLine, headers, _limit, url) => {
    const client = await send(requestLine, [...headers, 'content-length: 100000000'], url(), { leaves: false })
    await hearsTheEnd(client)
    expect(client.received().match(/HTTP\/1\.1/g)).toHaveLength(1)
  })

  /** Sends ten bytes a second until the server hangs up, which is not at once. */
  async function hearsTheEnd({ socket, answered, closed }: Client): Promise<void> {
    const started = performance.now()
    await answered
    const drip = setInterval(() => socket.write('x'), 100)
    await closed
    clearInterval(drip)
    expect(performance.now() - started).toBeGreaterThan(4_000)
  }
})

test('what comes after a body that was read is served', async () => {
  const client = await send('POST /nowhere', ['content-length: 5'])
  await client.answered
  client.socket.write('helloGET /healthz?next HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
  await client.closed
  expect(served).toContain('/healthz?next')
})

test('a client that sends a large body sees what it was refused for', async () => {
  const authorization = TOKEN.slice('authorization: '.length)
  const clients: [url: string, headers: Record<string, string>, bytes: number, status: number][] = [
    [`${server.url}/nowhere`, {}, 5_000_000, 404],
    [`${server.url}${REST}/enrollment`, { 'x-edx-api-key': secrets.edxApiKeys[0] ?? '' }, 5_000_000, 413],
    [`${server.internal}/trpc/enrollment.enroll`, { authorization }, 20_000_000, 413],
  ]
  for (const [url, headers, bytes, status] of clients) {
    const init = {
      method: 'POST',
      body: 'x'.repeat(bytes),
      headers: { 'content-type': 'application/json', ...headers },
    }
    for (let round = 0; round < 10; round += 1) {
      const answer = await fetch(url, init)
      expect(answer.status).toBe(status)
      expect(Object.keys((await answer.json()) as object)).toHaveLength(1)
    }
  }
})

interface Client {
  socket: Socket
  received(): string
  answered: Promise<void>
  closed: Promise<void>
}

/** A client that `leaves` goes when it hears of the end of the connection; another one sends on. */
async function send(
  requestLine: string,
  headers: string[],
  url = server.url,
  { leaves = true }: { leaves?: boolean } = {},
): Promise<Client> {
  const { port, hostname } = new URL(url)
  const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: !leaves })
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
async function stream(socket: Socket, chunk = Buffer.alloc(16 * KILOBYTE, 'x')): Promise<number> {
  let sent = 0
  while (!socket.destroyed && sent < 100_000_000) {
    sent += chunk.length
    if (!socket.write(chunk)) await Promise.race([delay(50), new Promise((resolve) => socket.once('drain', resolve))])
  }
  return sent
}
