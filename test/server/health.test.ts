// slow: waits for deadlines
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { sql } from 'kysely'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openDatabase, type Database } from '../../core/database/open.ts'
import { createCaller } from '../../routers/index.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { PrivateRequest } from '../../server/listeners.ts'
import { addCourse, addLearner } from '../support/seed.ts'
import { buildTestApp, openTestServer } from '../support/server.ts'

const FAILURE = { last_error: 'out of paper', failed_at: new Date().toISOString() }

let database: TestDatabase
let wire: Wire
let db: Database
let app: FastifyInstance

beforeEach(async () => {
  database = await createTestDatabase()
  wire = await openWire(database.connectionString)
  db = openDatabase({ connectionString: wire.connectionString })
  app = buildTestApp({ db })
})

afterEach(async () => {
  wire.cut()
  await app.close()
  await db.destroy()
  await database[Symbol.asyncDispose]()
})

test('both answer on both listeners', async () => {
  const server = await openTestServer(app)
  for (const listener of [server.url, server.internal]) {
    for (const path of ['/healthz', '/readyz']) {
      const response = await fetch(`${listener}${path}`)
      expect(response.status).toBe(200)
      expect(response.headers.get('cache-control')).toBe('no-store')
      expect(await response.json()).toEqual(path === '/healthz' ? { status: 'ok' } : { status: 'ok', consumers: [] })
    }
  }
})

test('readyz tells how the consumers of events stand, and is 200 whatever that is', async () => {
  const own = database.db
  await own
    .insertInto('feed_checkpoints')
    .values({ consumer: 'enterprise', cursor: null, updated: new Date().toISOString(), ...FAILURE })
    .execute()
  const caller = createCaller({ db: own, actor: { kind: 'service', name: 'tests' } })
  await caller.enrollment.enroll({ username: (await addLearner(own)).username, courseId: await addCourse(own) })
  const response = await app.inject('/readyz')
  expect(response.statusCode).toBe(200)
  expect(response.json()).toEqual({
    status: 'ok',
    consumers: [
      { name: 'enterprise', cursor: null, lagEvents: 1, lagSeconds: expect.any(Number), lastError: 'out of paper' },
    ],
  })
})

test('consumers that cannot be read leave readyz as it is', async () => {
  await sql`alter table feed_checkpoints rename to feed_checkpoints_away`.execute(database.db)
  const response = await app.inject('/readyz')
  expect([response.statusCode, response.json()]).toEqual([200, { status: 'ok', consumers: [] }])
})

test('without a database the process lives and is not ready, and is ready again when the database is back', async () => {
  await untilReady()
  wire.cut()
  expect(await statusOf('/readyz')).toBe(503)
  expect(await statusOf('/healthz')).toBe(200)
  await wire.mend()
  await untilReady()
})

test('a database that is silent is found out', async () => {
  await untilReady()
  wire.hush()
  // Nothing comes from it any more: where the answer waited for it, so would this test.
  const response = await app.inject({ url: '/readyz', Request: PrivateRequest })
  expect(response.statusCode).toBe(503)
  expect(response.headers['retry-after']).toBe('1')
  expect(response.json()).toEqual({ status: 'unavailable' })
  wire.cut()
  await wire.mend()
  await untilReady()
})

test('many probes at once hold one connection', async () => {
  wire.hush()
  const statuses = await Promise.all(Array.from({ length: 50 }, () => statusOf('/readyz')))
  expect(new Set(statuses)).toEqual(new Set([503]))
  expect(wire.opened()).toBe(1)
})

/** The database has two seconds to answer: on a machine that stands still for as long not each time. */
async function untilReady(): Promise<void> {
  await eventually(async () => expect(await statusOf('/readyz')).toBe(200))
}

async function statusOf(url: string): Promise<number> {
  return (await app.inject(url)).statusCode
}

interface Wire {
  connectionString: string
  opened(): number
  cut(): void
  /** Nothing passes any more, in neither direction, and nobody is told. */
  hush(): void
  mend(): Promise<void>
}

/** A stretch of network between the server and its database. */
async function openWire(target: string): Promise<Wire> {
  const url = new URL(target)
  const sockets = new Set<Socket>()
  let opened = 0
  let silent = false
  let server: Server | undefined

  const accept = (near: Socket) => {
    opened += 1
    const far = connect(Number(url.port), url.hostname)
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.on('data', (data) => !silent && to.write(data))
      from.on('error', () => to.destroy())
      from.on('close', () => to.destroy())
    }
  }
  const open = async (port: number) => {
    silent = false
    server = createServer(accept).listen(port, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address() as AddressInfo // It listens on a host and a port.
    return address.port
  }

  const port = await open(await freePort())
  const wired = new URL(target)
  wired.host = `127.0.0.1:${port}`
  return {
    connectionString: wired.href,
    opened: () => opened,
    cut: () => {
      server?.close()
      for (const socket of sockets) socket.destroy()
      sockets.clear()
    },
    hush: () => void (silent = true),
    mend: async () => void (await open(port)),
  }
}
