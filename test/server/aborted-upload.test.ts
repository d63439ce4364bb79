import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { openDatabase } from '../../core/database/open.ts'
import { KEY } from '../support/rest.ts'
import { buildTestApp, openTestServer } from '../support/server.ts'

test('a client that leaves in the middle of a body is no error in the log, whatever it asked for', async () => {
  await using db = openDatabase({ connectionString: 'postgresql://nobody@127.0.0.1:1/none' })
  const lines: string[] = []
  const stream = { write: (line: string) => void lines.push(line) }
  const app = buildTestApp({
    db,
    env: { RATE_LIMITS: 'off', CORS_ORIGINS: 'https://learning.example.org' },
    logger: { level: 'error', stream },
  })
  await using server = await openTestServer(app)
  const authorization = 'Bearer token-of-enterprise'
  const asked: [url: string, line: string, headers: Record<string, string>][] = [
    [server.url, 'OPTIONS /healthz', {}],
    [server.url, 'OPTIONS *', {}],
    [server.url, 'OPTIONS /api/enrollment/v1/enrollment', {}],
    [server.url, 'TRACE /healthz', {}],
    [server.internal, 'TRACE /trpc/course.get', {}],
    [server.internal, 'OPTIONS *', { authorization }],
    [server.url, 'POST /api/enrollment/v1/enrollment', KEY],
    [server.internal, 'POST /trpc/enrollment.enroll', { authorization }],
  ]
  for (const [url, line, headers] of asked) {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname)
    await once(socket, 'connect')
    const all = { host: 'a', 'content-type': 'application/json', 'content-length': '5', ...headers }
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`)
    socket.write([`${line} HTTP/1.1`, ...lines, '', '{'].join('\r\n'))
    await sleep(100)
    socket.destroy()
  }
  await sleep(300)
  expect(lines).toEqual([])
})
