import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { KEY } from '../support/rest.ts'
import { buildTestApp, openTestServer } from '../support/server.ts'

const lines: { level: number; msg: string }[] = []
const logger = { level: 'debug', stream: { write: (line: string) => void lines.push(JSON.parse(line)) } }
let database: TestDatabase
let server: Awaited<ReturnType<typeof openTestServer>>
beforeAll(async () => {
  database = await createTestDatabase()
  server = await openTestServer(buildTestApp({ db: database.db, env: { RATE_LIMITS: 'off' }, logger }))
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

const REST = '/api/enrollment/v1/enrollment'
const BEARER = { authorization: 'Bearer token-of-enterprise' }

test.for<[string, () => string, string, Record<string, string>, string]>([
  ['the REST API', () => server.url, REST, KEY, 'content-length: 1000'],
  ['the REST API, in chunks', () => server.url, REST, KEY, 'transfer-encoding: chunked'],
  ['the typed API', () => server.internal, '/trpc/enrollment.enroll', BEARER, 'content-length: 1000'],
  [
    'the typed API, with a body that counts',
    () => server.internal,
    '/trpc/enrollment.enroll',
    BEARER,
    'content-length: 900000',
  ],
])(
  'a client that leaves in the middle of its body is no error in the log: %s',
  async ([, url, path, headers, length]) => {
    lines.length = 0
    const { hostname, port } = new URL(url())
    for (const leave of ['end', 'resetAndDestroy'] as const) {
      const socket = connect(Number(port), hostname)
      socket.on('error', () => {})
      const head = ['host: x', 'content-type: application/json', length]
      for (const [name, value] of Object.entries(headers)) head.push(`${name}: ${value}`)
      const start = length.includes('chunked') ? '5\r\n{"use\r\n' : '{"use'
      socket.write([`POST ${path} HTTP/1.1`, ...head, '', start].join('\r\n'))
      await once(socket, 'connect')
      await delay(100)
      socket[leave]()
      socket.destroy()
    }
    // The server has noticed once it answers somebody who came after them.
    await delay(100)
    expect((await fetch(`${url()}/healthz`)).status).toBe(200)
    expect(lines.filter(({ level }) => level >= 40)).toEqual([])
  },
)
