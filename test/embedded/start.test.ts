// slow: starts many processes
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import * as embedded from '../support/embedded.ts'
import { freshDirectory, kill, postgresProcesses, type Options } from '../support/embedded.ts'
import { runStatement } from '../support/statement.ts'
import { eventually } from '../support/eventually.ts'

let kept: string
beforeAll(async () => {
  kept = await freshDirectory()
})

/** On the directory that these tests share, unless they name one. */
const start = (options: Partial<Options>) => embedded.start({ dataDir: kept, ...options })

const startProcess = (options: Partial<Options>, spawnOptions?: Parameters<typeof embedded.startProcess>[1]) =>
  embedded.startProcess({ dataDir: kept, ...options }, spawnOptions)

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
      `The data directory ${kept} is in use by process ${other.child.pid}: stop it first, or set DATA_DIR to another.`,
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
    await eventually(() => runStatement(connectionString, 'select 1'))
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
    await eventually(() => expect(postgresProcesses(kept)).toEqual([]))
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
    await guest.told()
    await kill(guest.child, 'SIGHUP')
    expect(await runStatement(owner.connectionString, 'select 1 as one')).toEqual([{ one: 1 }])
  })

  test('leaves no server behind when it dies of an uncaught error', async () => {
    const { child } = await startProcess({ mode: 'guest' })
    await kill(child, 'SIGHUP')
    await eventually(() => expect(postgresProcesses(kept)).toEqual([]))
  })

  test('says which server does not answer, and gives up', { timeout: 60_000 }, async () => {
    await start({})
    const pid = await postmasterPid()
    process.kill(pid, 'SIGSTOP')
    try {
      const onWaiting = vi.fn<(pid: number) => void>()
      await expect(start({ mode: 'guest', onWaiting })).rejects.toThrow(
        new RegExp(
          `^The PostgreSQL under DATA_DIR, process ${pid} in .* did not answer for \\d\\d s: stop that process`,
        ),
      )
      expect(onWaiting).toHaveBeenCalledExactlyOnceWith(pid)
    } finally {
      process.kill(pid, 'SIGCONT')
    }
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

async function postmasterPid(): Promise<number> {
  return Number.parseInt(await readFile(join(kept, 'postgres/postmaster.pid'), 'utf8'), 10)
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
