import { spawn, spawnSync, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { startEmbeddedDatabase, type EmbeddedDatabaseOptions } from '../../../core/database/embedded.ts'
import { processesNaming } from '../../support/processes.ts'
import { runStatement } from '../../support/statement.ts'

const PROGRAM = join(import.meta.dirname, '../../support/embedded-process.ts')
const isRoot = process.getuid?.() === 0

let kept: string
beforeAll(async () => {
  kept = await freshDirectory()
})

let undo = new AsyncDisposableStack()
afterEach(async () => {
  const finished = undo
  undo = new AsyncDisposableStack()
  await finished.disposeAsync()
})

describe('an owner', () => {
  test('creates all it needs where nothing is, for its own eyes only', async () => {
    const dataDir = join(await freshDirectory(), 'new', 'data')
    const { connectionString, joined } = await start({ dataDir, durable: true })
    expect(joined).toBe(false)
    expect(await runStatement(connectionString, 'select current_database() as name')).toEqual([{ name: 'enrollment' }])
    expect(await settings(connectionString)).toEqual({ fsync: 'on', listen_addresses: '127.0.0.1' })
    expect(await modes(dataDir, join(dataDir, 'postgres'), join(dataDir, 'postgres.log'))).toEqual([
      '700',
      '700',
      '600',
    ])
    expect(await modes(join(dataDir, 'postgres/superuser-password'))).toEqual(['600'])
    const stranger = connectionString.replace(/postgres:[^@]+@/, 'postgres:guessed@')
    await expect(runStatement(stranger, 'select 1')).rejects.toThrow('password authentication failed')
  })

  test('finds what was written before it stopped', async () => {
    const first = await start({})
    await runStatement(first.connectionString, 'create table if not exists kept as select 42 as answer')
    await first.stop()
    expect(postgresProcesses(kept)).toEqual([])
    const second = await start({ settings: { work_mem: '7MB' } })
    expect(second.joined).toBe(false)
    expect(await runStatement(second.connectionString, 'select answer from kept')).toEqual([{ answer: 42 }])
    expect(await runStatement(second.connectionString, 'show work_mem')).toEqual([{ work_mem: '7MB' }])
  })

  test('is told which process has the directory', async () => {
    const other = await startProcess({})
    await expect(start({})).rejects.toThrow(
      `The data directory ${kept} is in use by process ${other.child.pid}: stop it first.`,
    )
    // The refused one has done the other no harm.
    expect(await runStatement(other.connectionString, 'select 1 as one')).toEqual([{ one: 1 }])
  })

  test('adopts the server of an owner that was killed', async () => {
    const killed = await startProcess({})
    await kill(killed.child, 'SIGKILL')
    const next = await start({})
    expect(next).toMatchObject({ joined: true, connectionString: killed.connectionString })
    await next.stop()
    expect(postgresProcesses(kept)).toEqual([])
  })

  test('starts over the traces of a server that was killed with its owner', async () => {
    const killed = await startProcess({ durable: true })
    await runStatement(killed.connectionString, 'create table survives as select 1')
    await kill(killed.child, 'SIGKILL')
    process.kill(await postmasterPid(), 'SIGKILL')
    const next = await start({})
    expect(next.joined).toBe(false)
    await runStatement(next.connectionString, 'drop table survives')
  })

  test('starts where the number in a left postmaster.pid belongs to another process by now', async () => {
    const note = join(kept, 'postgres/postmaster.pid')
    const first = await start({})
    const [, ...rest] = (await readFile(note, 'utf8')).split('\n')
    await first.stop()
    await writeFile(note, [process.ppid, ...rest].join('\n'), { mode: 0o600 })
    expect((await start({})).joined).toBe(false)
  })

  test('gets a server that died back, at the same address', async () => {
    const { connectionString } = await start({})
    const before = await postmasterPid()
    process.kill(before, 'SIGKILL')
    await vi.waitFor(() => runStatement(connectionString, 'select 1'), 10_000)
    expect(await postmasterPid()).not.toBe(before)
  })

  test('keeps its server through a Ctrl-C on its terminal', async () => {
    const { child, connectionString } = await startProcess({}, { detached: true })
    process.kill(-Number(child.pid), 'SIGINT')
    await sleep(200)
    expect(await runStatement(connectionString, 'select 1 as one')).toEqual([{ one: 1 }])
  })

  test.each([
    ['exits without stopping', 'SIGUSR2'],
    ['dies of an uncaught error', 'SIGHUP'],
  ] as const)('leaves no server behind when it %s', async (_, signal) => {
    const { child } = await startProcess({})
    expect(postgresProcesses(kept)).not.toEqual([])
    await kill(child, signal)
    await vi.waitFor(() => expect(postgresProcesses(kept)).toEqual([]), 5_000)
  })

  test('wins alone when two start at once where nothing is', async () => {
    const dataDir = await freshDirectory()
    const both = await Promise.allSettled([startProcess({ dataDir }), startProcess({ dataDir })])
    expect(both.map((result) => result.status).toSorted()).toEqual(['fulfilled', 'rejected'])
    expect(both.find((result) => result.status === 'rejected')?.reason).toMatchObject({
      message: expect.stringContaining(`${dataDir} is in use by process`),
    })
  })
})

describe('a guest', () => {
  test('joins the server of an owner and leaves it running', async () => {
    const owner = await start({})
    const guest = await start({ mode: 'guest' })
    expect(guest).toMatchObject({ joined: true, connectionString: owner.connectionString })
    await guest.stop()
    expect(await runStatement(owner.connectionString, 'select 1 as one')).toEqual([{ one: 1 }])
  })

  test('does not keep an owner from stopping', async () => {
    const owner = await start({})
    const guest = await start({ mode: 'guest' })
    await owner.stop()
    await expect(runStatement(guest.connectionString, 'select 1')).rejects.toThrow('ECONNREFUSED')
    await guest.stop()
  })

  test('starts a server of its own, which lasts until the last guest has left', async () => {
    const first = await startProcess({ mode: 'guest' })
    const second = await start({ mode: 'guest' })
    expect([first.joined, second.joined]).toEqual([false, true])
    await kill(first.child, 'SIGTERM')
    expect(await runStatement(second.connectionString, 'select 1 as one')).toEqual([{ one: 1 }])
    await second.stop()
    expect(postgresProcesses(kept)).toEqual([])
  })

  test('hands its server over to an owner that comes', async () => {
    const guest = await startProcess({ mode: 'guest' })
    const owner = await start({})
    expect(owner.joined).toBe(true)
    await kill(guest.child, 'SIGHUP')
    expect(await runStatement(owner.connectionString, 'select 1 as one')).toEqual([{ one: 1 }])
  })

  test('leaves no server behind when it dies of an uncaught error', async () => {
    const { child } = await startProcess({ mode: 'guest' })
    await kill(child, 'SIGHUP')
    await vi.waitFor(() => expect(postgresProcesses(kept)).toEqual([]), 5_000)
  })

  test('shares the server when two start at once', async () => {
    const [first, second] = await Promise.all([startProcess({ mode: 'guest' }), startProcess({ mode: 'guest' })])
    expect(first.connectionString).toBe(second.connectionString)
    await Promise.all([kill(first.child, 'SIGTERM'), kill(second.child, 'SIGTERM')])
    expect(postgresProcesses(kept)).toEqual([])
  })
})

describe('text', () => {
  test.each([[{}], [{ LANG: 'C' }]])(
    'is UTF-8, with the case rules of Unicode, under the environment %j',
    async (env) => {
      const { connectionString } = await startProcess({ dataDir: await freshDirectory() }, { env })
      const statement = `select upper('zażółć 学') as upper, char_length('👩‍🚀') as length, getdatabaseencoding() as encoding`
      expect(await runStatement(connectionString, statement)).toEqual([
        { upper: 'ZAŻÓŁĆ 学', length: 3, encoding: 'UTF8' },
      ])
    },
  )
})

describe.runIf(isRoot && process.platform === 'linux')('under root', () => {
  const nobody = { uid: 65534, gid: 65534 }
  const reachable = spawnSync(process.execPath, ['--check', PROGRAM], nobody).status === 0

  test('a data directory that only root may enter stays root’s', async () => {
    await start({})
    expect((await stat(inject('scratch'))).mode & 0o777).toBe(0o700)
    expect((await stat(join(kept, 'postgres'))).uid).toBe(0)
  })

  test.runIf(reachable)('an ordinary user has a server of its own', async () => {
    const dataDir = await openDirectory()
    const first = await startProcess({ dataDir }, nobody)
    await kill(first.child, 'SIGTERM')
    expect((await stat(join(dataDir, 'postgres'))).uid).toBe(65534)
    // Root, who comes later, leaves the directory usable to that user.
    await (await start({ dataDir })).stop()
    const again = await startProcess({ dataDir }, nobody)
    expect(again.joined).toBe(false)
  })

  const noNamespaces = ['--mount', 'sh', '-c', 'mount --bind /bin/false "$(command -v unshare)" && exec "$@"', 'sh']
  const canHide = spawnSync('unshare', [...noNamespaces, 'true']).status === 0

  test.runIf(reachable && canHide)('another account serves where there are no user namespaces', async () => {
    const dataDir = await openDirectory()
    const first = await startProcess({ dataDir }, { prefix: ['unshare', ...noNamespaces] })
    await runStatement(first.connectionString, 'create table kept as select 1')
    await kill(first.child, 'SIGTERM')
    expect((await stat(join(dataDir, 'postgres'))).uid).not.toBe(0)
    const second = await start({ dataDir })
    await runStatement(second.connectionString, 'select from kept')
  })

  test.runIf(canHide)('a directory that no account reaches is named', async () => {
    const dataDir = join(await freshDirectory(), 'data')
    await expect(startProcess({ dataDir }, { prefix: ['unshare', ...noNamespaces] })).rejects.toThrow(
      `PostgreSQL refuses to run as root, and no other account can reach both ${dataDir}`,
    )
  })
})

/** Starts in this process; stopped after the test. */
async function start(options: Partial<EmbeddedDatabaseOptions>) {
  return undo.use(await startEmbeddedDatabase({ dataDir: kept, mode: 'owner', durable: false, ...options }))
}

/** Starts in a process of its own; stopped after the test. */
async function startProcess(
  options: Partial<EmbeddedDatabaseOptions>,
  { prefix = [], ...spawnOptions }: SpawnOptions & { prefix?: string[] } = {},
) {
  const argument = JSON.stringify({ dataDir: kept, mode: 'owner', durable: false, ...options })
  const [command, ...args] = [...prefix, process.execPath, PROGRAM, argument]
  const child = spawn(command, args, { ...spawnOptions, stdio: ['ignore', 'pipe', 'ignore'] })
  undo.defer(() => kill(child, 'SIGTERM'))
  for await (const line of createInterface({ input: child.stdout })) {
    const { error, connectionString, joined } = JSON.parse(line)
    if (error) throw new Error(error)
    return { child, connectionString: String(connectionString), joined: Boolean(joined) }
  }
  throw new Error(`The process ended with ${child.exitCode ?? child.signalCode}`)
}

async function kill(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill(signal)
  await exited
}

async function postmasterPid(): Promise<number> {
  return Number.parseInt(await readFile(join(kept, 'postgres/postmaster.pid'), 'utf8'), 10)
}

function postgresProcesses(dataDir: string): string[] {
  return processesNaming(join(dataDir, 'postgres')).map(({ command }) => command)
}

function freshDirectory(): Promise<string> {
  return mkdtemp(join(inject('scratch'), 'data-'))
}

/** A directory that every account may use, outside of the run's own, which only this user may enter. */
async function openDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'enrollment-test-open-'))
  undo.defer(() => rm(path, { recursive: true, force: true }))
  await chmod(path, 0o777)
  return join(path, 'data')
}

async function modes(...paths: string[]): Promise<string[]> {
  return Promise.all(paths.map(async (path) => ((await stat(path)).mode & 0o777).toString(8)))
}

async function settings(connectionString: string): Promise<unknown> {
  const [found] = await runStatement(
    connectionString,
    `select current_setting('fsync') as fsync, current_setting('listen_addresses') as listen_addresses`,
  )
  return found
}
