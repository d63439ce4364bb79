// slow: starts many processes
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { connect, createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, inject, test } from 'vitest'
import { withIdempotencyKey } from '../../core/idempotency/key.ts'
import { KEPT_MS } from '../../core/idempotency/sweep.ts'
import { createTestDatabase } from '../support/database.ts'
import { SECRETS, startServer } from '../support/server-process.ts'
import { runStatement } from '../support/statement.ts'
import { eventually } from '../support/eventually.ts'

// A cluster takes its time to create: all tests that need one use the same, one after another. The first begins with nothing.
let dataDir: string
beforeAll(async () => {
  dataDir = await freshDirectory('d-')
})

describe('with the embedded database', { timeout: 120_000 }, () => {
  test('starts from nothing, says where it is, stops, and starts again on the same data', async () => {
    const first = startServer({ DATA_DIR: dataDir })
    const ready = await first.ready
    expect(ready).toEqual({
      level: 30,
      time: expect.any(Number),
      msg: 'ready',
      url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      internalUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    })
    expect((await fetch(`${ready.url}/readyz`)).status).toBe(200)
    expect((await fetch(`${ready.internalUrl}/readyz`)).status).toBe(200)
    const [curl, cli] = first.stderr().match(/^(curl|DATA_DIR=).*$/gm) ?? []
    expect(JSON.parse(await paste(curl))).toMatchObject({ user: 'alice', is_active: true })
    expect(await paste(cli)).toMatch(/^bob is enrolled in course-v1:edX\+DemoX\+2026 now/)
    first.child.kill('SIGTERM')
    expect(await first.exit).toBe(0)

    const second = startServer({ DATA_DIR: dataDir })
    await second.ready
    expect(second.stderr()).toBe('')
    second.child.kill('SIGINT')
    expect(await second.exit).toBe(0)
  })

  test('a directory that another server uses is refused by name, and that server goes on', async () => {
    const first = startServer({ DATA_DIR: dataDir })
    const { url } = await first.ready
    const second = startServer({ DATA_DIR: dataDir })
    expect(await second.exit).toBe(1)
    expect(second.stderr()).toBe(
      `Cannot start: The data directory ${dataDir} is in use by process ${first.child.pid}: stop it first, or set DATA_DIR to another.\n`,
    )
    expect(second.stdout()).toBe('')
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
  })

  test('a port in use is refused by name, and the database does not stay behind', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo // It listens on a host and a port.
    const refused = startServer({ DATA_DIR: dataDir, PORT: String(port) })
    expect(await refused.exit).toBe(1)
    expect(refused.stderr()).toBe(
      `Cannot start: 127.0.0.1:${port} is in use by another program: stop that program, or set PORT to another value.\n`,
    )
    // Both ports and a directory that somebody uses are told together.
    const first = startServer({ DATA_DIR: dataDir })
    await first.ready
    const both = { PORT: String(port), INTERNAL_HOST: 'localhost', INTERNAL_PORT: String(port) }
    const twice = startServer({ DATA_DIR: dataDir, ...both })
    expect(await twice.exit).toBe(1)
    expect(twice.stderr().match(/ is in use by /g)).toHaveLength(3)
    expect(twice.stderr()).toMatch(/set PORT .*\n.*set INTERNAL_PORT .*\n.*set DATA_DIR /)
    first.child.kill('SIGTERM')
    expect(await first.exit).toBe(0)
    expect(first.stdout()).not.toContain('lost')
    other.close()
    // Free again: an owner could not take a directory that is still in use.
    const next = startServer({ DATA_DIR: dataDir })
    await next.ready
    next.child.kill('SIGTERM')
    expect(await next.exit).toBe(0)
  })
})

// Each with a database of its own.
describe.concurrent('with a DATABASE_URL', () => {
  test('starts on an empty database, without a catalogue of examples', async ({ onTestFinished }) => {
    await using database = await createTestDatabase()
    const run = startServer({ DATABASE_URL: database.connectionString, ...SECRETS }, onTestFinished)
    const { url } = await run.ready
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
    expect(await database.db.selectFrom('courses').select('id').execute()).toEqual([])
    expect(run.stderr()).toBe('')
  })

  test('the ready line names a Unix socket', async ({ onTestFinished }) => {
    await using database = await createTestDatabase()
    const socketPath = join(await freshDirectory('s-'), 'socket')
    const env = { DATABASE_URL: database.connectionString, ...SECRETS, INTERNAL_SOCKET: socketPath, INTERNAL_PORT: '' }
    const ready = await startServer(env, onTestFinished).ready
    expect(ready).toMatchObject({ msg: 'ready', internalSocket: socketPath })
    expect(ready).not.toHaveProperty('internalUrl')
  })

  test('ready is told at every level of the log', async ({ onTestFinished }) => {
    await using database = await createTestDatabase()
    const run = startServer(
      { DATABASE_URL: database.connectionString, ...SECRETS, LOG_LEVEL: 'silent' },
      onTestFinished,
    )
    await run.ready
    expect(run.stdout().trim().split('\n')).toHaveLength(1)
  })

  test('deletes soon after its start what has expired in the database', async ({ onTestFinished }) => {
    await using database = await createTestDatabase()
    const { db, connectionString } = database
    const use = { actor: 'tests', scope: 'tests', input: null }
    const old = new Date(Date.now() - KEPT_MS)
    await withIdempotencyKey(db, { ...use, key: 'old', now: old }, async () => 1)
    await withIdempotencyKey(db, { ...use, key: 'young', now: new Date() }, async () => 1)
    await startServer({ DATABASE_URL: connectionString, ...SECRETS }, onTestFinished).ready
    await eventually(async () => {
      expect(await db.selectFrom('idempotency_keys').select('key').execute()).toEqual([{ key: 'young' }])
    })
  })

  test('without the secrets it does not start, and names each', async ({ onTestFinished }) => {
    const run = startServer({ DATABASE_URL: 'postgresql://127.0.0.1:1/x', PORT: 'eight' }, onTestFinished)
    expect(await run.exit).toBe(1)
    expect(run.stderr()).toMatch(/^Cannot start: The settings cannot be used:\n {2}PORT .*\n {2}INTERNAL_TOKENS .*\n/)
    expect(run.stderr()).toMatch(/\n {2}EDX_API_KEY .*\n {2}JWT_SECRET, JWT_JWKS_URL or JWT_PUBLIC_KEYS .*\n$/)
    expect(run.stdout()).toBe('')
  })

  test.for<[string, (url: URL) => void, RegExp]>([
    [
      'nobody listens',
      (url) => void (url.port = '1'),
      /^Cannot start: The database .* at 127\.0\.0\.1:1 cannot be used/,
    ],
    ['there is no such database', (url) => void (url.pathname = '/nothing'), /^Cannot start: The database nothing at /],
    ['the password is wrong', (url) => void (url.password = 'guess'), /password authentication failed/],
  ])('a database that cannot be used is named in one line: %s', async ([, change, message], { onTestFinished }) => {
    const url = new URL(inject('server').connectionString)
    const password = url.password
    change(url)
    const run = startServer({ DATABASE_URL: url.href, ...SECRETS }, onTestFinished)
    expect(await run.exit).toBe(1)
    expect(run.stderr()).toMatch(message)
    expect(run.stderr()).toMatch(/^[^\n]*change DATABASE_URL\.\n$/)
    expect(run.stderr()).not.toContain(password)
  })

  test('a PostgreSQL that is too old is refused', async ({ onTestFinished }) => {
    await using database = await createTestDatabase()
    await pretendVersion(database.connectionString, '140010')
    const run = startServer({ DATABASE_URL: database.connectionString, ...SECRETS }, onTestFinished)
    expect(await run.exit).toBe(1)
    expect(run.stderr()).toMatch(/^Cannot start: .* is PostgreSQL 14: PostgreSQL 15 or newer is required\.\n$/)
  })

  test('stopping: a client that hangs holds it up for a time only, and the echo of a signal, as npm sends it, is no hurry', async ({
    onTestFinished,
  }) => {
    await using database = await createTestDatabase()
    // Its clock stands still, however long it does not run between the two.
    const NODE_OPTIONS = '--import=data:text/javascript,Date.now=(now=>()=>now)(Date.now())'
    const run = startServer({ DATABASE_URL: database.connectionString, ...SECRETS, NODE_OPTIONS }, onTestFinished)
    const { internalUrl } = await run.ready
    const socket = await hangOn(String(internalUrl))
    run.child.kill('SIGTERM')
    await sleep(100)
    run.child.kill('SIGTERM')
    // The client is still there: where the server waited for it, so would this test.
    expect(await run.exit).toBe(0)
    socket.destroy()
  })
})

describe('stopping', () => {
  test('a PostgreSQL that ends with the whole group of processes is no news', async () => {
    const run = startServer({ DATA_DIR: dataDir })
    const { url } = await run.ready
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
    const lock = join(dataDir, 'postgres/postmaster.pid')
    const [pid] = (await readFile(lock, 'utf8')).split('\n')
    // It stands still until both have happened, PostgreSQL first, and hears of both at once.
    run.child.kill('SIGSTOP')
    process.kill(Number(pid), 'SIGINT')
    await eventually(() => expect(existsSync(lock)).toBe(false))
    run.child.kill('SIGTERM')
    run.child.kill('SIGCONT')
    expect(await run.exit).toBe(0)
    expect(run.stdout()).not.toContain('database connection lost')
  })

  test('a data directory that cannot be used is told with the name of its setting', async () => {
    const file = join(await freshDirectory('f-'), 'file')
    await writeFile(file, '')
    const run = startServer({ DATA_DIR: join(file, 'data') })
    expect(await run.exit).toBe(1)
    expect(run.stderr()).toBe(
      `Cannot start: The data directory ${join(file, 'data')} cannot be used (ENOTDIR): ` +
        'set DATA_DIR to a directory that this user may write to.\n',
    )
  })

  test('a second signal from a person ends it at once', async () => {
    await using database = await createTestDatabase()
    const run = startServer({ DATABASE_URL: database.connectionString, ...SECRETS })
    const { url } = await run.ready
    const socket = await hangOn(url)
    run.child.kill('SIGTERM')
    // Heard: otherwise the second would be the first.
    await eventually(() => expect(fetch(`${url}/healthz`)).rejects.toThrow('fetch failed'))
    await sleep(1_300)
    run.child.kill('SIGTERM')
    expect(await run.exit).toBe(1)
    socket.destroy()
  })
})

/** Runs what was printed, as a person would: in a shell at the root of the project, which knows none of the settings. */
async function paste(line = ''): Promise<string> {
  const { PATH = '', HOME = '' } = process.env
  const { stdout } = await promisify(execFile)('sh', ['-c', line], { env: { PATH, HOME } })
  return stdout
}

/** Sends half a request and waits for ever. */
async function hangOn(url: string) {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write('POST /nothing HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\nexpect: 100-continue\r\n\r\n')
  await once(socket, 'data') // The server has seen the request, and waits for its body.
  return socket
}

/** What PostgreSQL says about itself is shadowed for all who connect to one database. */
async function pretendVersion(connectionString: string, version: string): Promise<void> {
  const name = new URL(connectionString).pathname.slice(1)
  await runStatement(connectionString, 'create schema pretended')
  await runStatement(
    connectionString,
    `create function pretended.current_setting(text) returns text return '${version}'`,
  )
  await runStatement(connectionString, `alter database "${name}" set search_path = pretended, pg_catalog`)
}

function freshDirectory(prefix: string): Promise<string> {
  return mkdtemp(join(inject('scratch'), prefix))
}
