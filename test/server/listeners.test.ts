import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, statSync } from 'node:fs'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { Agent, createServer, request } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { ListenError } from '../../server/addresses.ts'
import { confineTo, PrivateRequest } from '../../server/listeners.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { buildTestApp, openTestServer } from '../support/server.ts'
import { eventually } from '../support/eventually.ts'

let database: TestDatabase
beforeAll(async () => void (database = await createTestDatabase()))
afterAll(() => database[Symbol.asyncDispose]())

/** A server with one more route on each side, and one that answers when it is told to. */
function appWithRoutes(): FastifyInstance & { arrived: Promise<void>; release(): void } {
  const app = buildTestApp({ db: database.db })
  const arrival = Promise.withResolvers<void>()
  const { promise, resolve } = Promise.withResolvers<void>()
  for (const side of ['public', 'private'] as const) {
    app.register(async (scope) => {
      confineTo(side, scope)
      scope.get(`/only-${side}`, async () => side)
      scope.register(async (inner) => inner.get('/nested', async () => side), { prefix: `/${side}` })
    })
  }
  app.get('/slow', async () => {
    arrival.resolve()
    await promise
    return 'done'
  })
  return Object.assign(app, { arrived: arrival.promise, release: resolve })
}

describe('private routes on the public listener', () => {
  const forged = [
    { host: '127.0.0.1:8001' },
    { 'x-forwarded-for': '127.0.0.1', 'x-forwarded-host': 'localhost:8001', forwarded: 'for=127.0.0.1' },
    { authorization: 'Bearer token-of-enterprise', side: 'private', 'accept-version': 'private' },
  ]

  test.for(forged)('do not exist, whatever the headers: %o', async (headers) => {
    await using server = await openTestServer(appWithRoutes())
    for (const path of ['/only-private', '/private/nested', '/trpc/enrollment.get', '/trpc']) {
      expect(await get(`${server.url}${path}`, { headers }), path).toEqual({
        status: 404,
        type: 'application/json; charset=utf-8',
        body: '{"detail":"Not found."}',
      })
    }
  })

  test('answer as a route that nobody has registered, for every method', async () => {
    await using server = await openTestServer(appWithRoutes())
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD']) {
      const found = await get(`${server.url}/trpc/enrollment.get`, { method })
      expect(found).toEqual(await get(`${server.url}/nobody/registered`, { method }))
      expect(found.status).toBe(404)
    }
  })

  test('exist on the private one, where public ones do not', async () => {
    await using server = await openTestServer(appWithRoutes())
    expect((await get(`${server.internal}/only-private`)).body).toBe('private')
    expect((await get(`${server.internal}/private/nested`)).body).toBe('private')
    expect((await get(`${server.internal}/trpc/enrollment.get`)).status).toBe(401)
    expect((await get(`${server.internal}/only-public`)).status).toBe(404)
    expect((await get(`${server.url}/only-public`)).body).toBe('public')
    expect((await get(`${server.url}/public/nested`)).body).toBe('public')
  })
})

test('a test reaches either side without a listener', async () => {
  await using app = appWithRoutes()
  expect((await app.inject('/only-private')).statusCode).toBe(404)
  expect((await app.inject('/only-public')).body).toBe('public')
  expect((await app.inject({ url: '/only-private', Request: PrivateRequest })).body).toBe('private')
  expect((await app.inject({ url: '/only-public', Request: PrivateRequest })).statusCode).toBe(404)
})

test('what is no address of a route is answered as any address that nobody has registered', async () => {
  await using server = await openTestServer(appWithRoutes())
  for (const path of ['/%zz', '/trpc/%zz', '*']) {
    const answer = await get(server.url, { method: 'OPTIONS', path })
    expect(answer, path).toMatchObject({ status: 404, body: '{"detail":"Not found."}' })
  }
})

test('what the router refuses by itself has the same shape', async () => {
  await using app = appWithRoutes()
  const { statusCode, body } = await app.inject(`/trpc/${'x'.repeat(20_000)}`)
  expect([statusCode, body]).toEqual([414, '{"detail":"URI Too Long."}'])
})

describe('addresses', () => {
  test('free ports are taken and told', async () => {
    await using server = await openTestServer(appWithRoutes())
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect(server.internal).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect(server.internal).not.toBe(server.url)
  })

  test('an address that stands for all is told as one that can be called', async () => {
    await using server = await openTestServer(appWithRoutes(), { publicAddress: { host: '0.0.0.0', port: 0 } })
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
  })

  test.for(['publicAddress', 'privateAddress'] as const)('a %s in use is named', async (name) => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo // It listens on a host and a port.
    await using app = appWithRoutes()
    const setting = name === 'publicAddress' ? 'PORT' : 'INTERNAL_PORT'
    const message = `127.0.0.1:${port} is in use by another program: stop that program, or set ${setting} to another value.`
    const opening = openTestServer(app, { [name]: { host: '127.0.0.1', port } })
    await expect(opening).rejects.toThrow(new ListenError(message))
    other.close()
  })

  test('an address of another machine is named', async () => {
    await using app = appWithRoutes()
    const opening = openTestServer(app, { publicAddress: { host: '192.0.2.1', port: 0 } })
    await expect(opening).rejects.toThrow(/^192\.0\.2\.1:0 is not an address of this machine: change HOST\.$/)
  })
})

describe.skipIf(process.platform === 'win32')('a Unix socket for the private listener', () => {
  test('is for this user alone, serves the private side, and goes with the server', async () => {
    const socketPath = await freshSocket()
    {
      await using server = await openTestServer(appWithRoutes(), { privateAddress: { socketPath } })
      expect(server.addresses).toEqual({ url: server.url, internalSocket: socketPath })
      expect(statSync(socketPath).mode & 0o777).toBe(0o600)
      expect((await get('http://any/only-private', { socketPath })).body).toBe('private')
      expect((await get(`${server.url}/only-private`)).status).toBe(404)
    }
    expect(existsSync(socketPath)).toBe(false)
  })

  test('replaces what a dead process left behind', async () => {
    const socketPath = await freshSocket()
    leaveStaleSocket(socketPath)
    await using server = await openTestServer(appWithRoutes(), { privateAddress: { socketPath } })
    expect((await get('http://any/healthz', { socketPath })).status).toBe(200)
    expect(server.internal).toBe(socketPath)
  })

  test('is not taken from a server that answers', async () => {
    const socketPath = await freshSocket()
    await using _first = await openTestServer(appWithRoutes(), { privateAddress: { socketPath } })
    await using second = appWithRoutes()
    const opening = openTestServer(second, { privateAddress: { socketPath } })
    await expect(opening).rejects.toThrow(/in use by another program: .* INTERNAL_SOCKET/)
    expect((await get('http://any/healthz', { socketPath })).status).toBe(200)
  })

  test('never replaces a file that is no socket', async () => {
    const socketPath = await freshSocket()
    await writeFile(socketPath, 'precious')
    await using app = appWithRoutes()
    await expect(openTestServer(app, { privateAddress: { socketPath } })).rejects.toThrow(/is a file and no socket/)
    expect(statSync(socketPath).size).toBe(8)
  })

  test('in a directory that does not exist is named', async () => {
    await using app = appWithRoutes()
    const socketPath = '/nowhere/at/all.sock'
    await expect(openTestServer(app, { privateAddress: { socketPath } })).rejects.toThrow(
      'The directory of /nowhere/at/all.sock does not exist: create it, or change INTERNAL_SOCKET.',
    )
  })
})

/** Where the server waited for a connection, so would the test. */
const PATIENT = { graceMs: 3_600_000 }

describe('closing', () => {
  test.for(['url', 'internal'] as const)('finishes what runs on %s, and takes nothing new', async (side) => {
    const app = appWithRoutes()
    const server = await openTestServer(app)
    const running = get(`${server[side]}/slow`)
    await app.arrived
    const closed = app.close()
    await eventually(() => expect(get(`${server[side]}/healthz`)).rejects.toThrow(/ECONNREFUSED/))
    app.release()
    expect((await running).body).toBe('done')
    await closed
  })

  test.for(['url', 'internal'] as const)('does not wait for idle connections of %s', async (side) => {
    const server = await openTestServer(appWithRoutes(), PATIENT)
    const agent = new Agent({ keepAlive: true })
    expect((await get(`${server[side]}/healthz`, { agent })).status).toBe(200)
    await server[Symbol.asyncDispose]()
    agent.destroy()
  })

  test('does not wait for a connection that becomes idle while it closes', async () => {
    const app = appWithRoutes()
    const server = await openTestServer(app, PATIENT)
    const agent = new Agent({ keepAlive: true })
    const running = get(`${server.internal}/slow`, { agent })
    await app.arrived
    const closed = app.close()
    await eventually(() => expect(get(`${server.internal}/healthz`)).rejects.toThrow(/ECONNREFUSED/))
    app.release()
    await running
    await closed
    agent.destroy()
  })

  test.for(['url', 'internal'] as const)('cuts connections of %s that hang, when their time is over', async (side) => {
    const app = appWithRoutes()
    const server = await openTestServer(app, { graceMs: 300 })
    const { port } = new URL(server[side])
    const half = connect(Number(port), '127.0.0.1')
    half.on('error', () => {})
    half.write('POST /nobody HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\nexpect: 100-continue\r\n\r\n')
    await once(half, 'data') // The server has seen the request, and waits for its body.
    const stuck = get(`${server[side]}/slow`).catch((error: unknown) => error)
    await app.arrived
    const started = performance.now()
    await app.close()
    expect(performance.now() - started).toBeGreaterThan(250)
    expect(await stuck).toBeInstanceOf(Error)
    app.release()
  })
})

interface Asked {
  method?: string
  path?: string
  headers?: Record<string, string>
  agent?: Agent
  socketPath?: string
}

async function get(url: string, options: Asked = {}): Promise<{ status?: number; type?: string; body: string }> {
  const sent = request(url, { agent: false, ...options }).end()
  const [response] = await once(sent, 'response')
  let body = ''
  for await (const chunk of response) body += String(chunk)
  return { status: response.statusCode, type: response.headers['content-type'], body }
}

async function freshSocket(): Promise<string> {
  return join(await mkdtemp(join(inject('scratch'), 's-')), 'socket')
}

/** As after `kill -9`: the file stays, nobody listens. */
function leaveStaleSocket(path: string): void {
  const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
  spawnSync(process.execPath, ['-e', script])
  expect(existsSync(path)).toBe(true)
}
