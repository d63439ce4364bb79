// slow: makes databases and a standby
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, inject, test, vi } from 'vitest'
import { chooseAccount, giveFilesTo } from '../../embedded/account.ts'
import { resolveBinaries } from '../../embedded/binaries.ts'
import { FILES } from '../../embedded/cluster.ts'
import { startEmbeddedDatabase } from '../../embedded/start.ts'
import { cli, lineFile } from '../support/cli.ts'
import { createTestDatabase } from '../support/database.ts'
import { freePort } from '../support/free-port.ts'
import { SECRETS, startServer } from '../support/server-process.ts'
import { runStatement } from '../support/statement.ts'

// A database that would fail later, or be wrong, is refused at the start, by the same sentence everywhere.

const { connectionString: server } = inject('server')

/** Makes a database, and roles where asked for; all are gone with the server of the tests. */
async function make(options = '', ...statements: string[]): Promise<{ name: string; url: URL }> {
  const name = `check_${randomBytes(5).toString('hex')}`
  await runStatement(server, `create database ${name} template template0 ${options}`)
  const url = new URL(server)
  url.pathname = name
  for (const statement of statements) await runStatement(url.href, statement.replaceAll('DB', name))
  return { name, url }
}

async function migrated(...statements: string[]): Promise<URL> {
  const { connectionString } = await createTestDatabase()
  const url = new URL(connectionString)
  for (const statement of statements)
    await runStatement(connectionString, statement.replaceAll('DB', url.pathname.slice(1)))
  return url
}

function as(url: URL, role: string): string {
  const other = new URL(url)
  other.username = role
  other.password = role
  return other.href
}

/** What the server, `migrate` and `import` say; each has to refuse. */
async function refusals(DATABASE_URL: string): Promise<string[]> {
  const path = await lineFile({ type: 'user', username: 'carol', email: 'carol@example.com' })
  const starting = startServer({ DATABASE_URL, ...SECRETS })
  const [migrate, imported, exit] = await Promise.all([
    cli(['migrate'], { DATABASE_URL }),
    cli(['import', path], { DATABASE_URL }),
    starting.exit,
  ])
  expect([migrate.code, imported.code, exit]).toEqual([2, 2, 1])
  return [starting.stderr().replace(/^Cannot start: /, ''), migrate.stderr, imported.stderr]
}

/** The one line that all of them say. */
async function refusalOn(url: string): Promise<string | undefined> {
  const said = [...new Set(await refusals(url))]
  expect(said).toEqual([expect.stringMatching(/^.+\n$/)])
  return said[0]
}

describe('the server, migrate and import refuse', () => {
  test.each(['SQL_ASCII', 'LATIN1'])('a database in %s', async (encoding) => {
    const { url, name } = await make(`encoding '${encoding}' locale 'C'`)
    const sentence = `^The database ${name} at \\S+ has the encoding ${encoding}, .*UTF8 is required. Make another database`
    expect(await refusalOn(url.href)).toMatch(new RegExp(sentence))
  })

  test('a database that is read-only', async () => {
    const url = await migrated('alter database DB set default_transaction_read_only = on')
    expect(await refusalOn(url.href)).toMatch(/is read-only \(default_transaction_read_only is on.*switch that off/)
    expect(await cli(['export'], { DATABASE_URL: url.href })).toMatchObject({ code: 0, stderr: '' })
  })

  test('a database whose search path names no schema', async () => {
    const { url } = await make('', `alter database DB set search_path = 'nowhere'`)
    expect(await refusalOn(url.href)).toMatch(
      /has no schema for our tables that postgres may use \(search_path is "?nowhere"?\)/,
    )
  })

  test('a database whose search path does not find the tables', async () => {
    const url = await migrated('create schema other', 'alter database DB set search_path = other')
    expect(await refusalOn(url.href)).toMatch(/has our tables in the schema public, where postgres does not look/)
  })

  test('a role that may not make tables', async () => {
    const { url } = await make('', `create role idle_DB login password 'idle_DB'`)
    expect(await refusalOn(as(url, `idle_${url.pathname.slice(1)}`))).toMatch(
      /is empty, and idle_\w+ may not make tables in it: "grant/,
    )
  })

  test('a role that may not use the tables', async () => {
    const url = await migrated(`create role closed_DB login password 'closed_DB'`)
    expect(await refusalOn(as(url, `closed_${url.pathname.slice(1)}`))).toMatch(
      /does not let closed_\w+ read its tables: "grant select/,
    )
  })

  test('a standby', async () => {
    const { url, stop } = await openStandby()
    await using _ = { [Symbol.asyncDispose]: stop }
    expect(await refusalOn(url)).toMatch(/is a standby, which cannot be written: name its primary in DATABASE_URL/)
  })
})

test('tables in a schema of their own are found by the search path of the role', async () => {
  const { url } = await make(
    '',
    `create role app_DB login password 'app_DB'`,
    'create schema enrolling authorization app_DB',
    'alter role app_DB set search_path = enrolling',
  )
  const DATABASE_URL = as(url, `app_${url.pathname.slice(1)}`)
  expect(await cli(['migrate'], { DATABASE_URL })).toMatchObject({ code: 0, stderr: '' })
  const path = await lineFile({ type: 'user', username: 'carol', email: 'carol@example.com' })
  expect(await cli(['import', path], { DATABASE_URL })).toMatchObject({ code: 0 })
  expect((await cli(['export'], { DATABASE_URL })).stdout).toContain('"carol"')
})

/** A cluster that waits for a primary that never comes. */
async function openStandby(): Promise<{ url: string; stop: () => Promise<void> }> {
  const dataDir = await mkdtemp(join(inject('scratch'), 'standby-'))
  const settings = { wal_level: 'replica' }
  const primary = await startEmbeddedDatabase({ dataDir, mode: 'owner', durable: false, settings })
  const url = new URL(primary.connectionString)
  await primary[Symbol.asyncDispose]()
  // Its own port may be somebody else's by now.
  url.port = String(await freePort())
  const files = join(dataDir, FILES)
  await writeFile(join(files, 'standby.signal'), '')
  const { initdb, postgres } = await resolveBinaries()
  const account = await chooseAccount(initdb, dataDir)
  await giveFilesTo(account, dataDir, [FILES])
  const [program, ...args] = [...account.prefix, postgres, '-D', files, '-p', url.port, '-h', url.hostname, '-k', '']
  const child = spawn(program, args, { ...account.user, env: {}, stdio: 'ignore' })
  const ended = once(child, 'exit')
  await vi.waitFor(() => runStatement(url.href, 'select 1'), { timeout: 60_000, interval: 100 })
  return {
    url: url.href,
    async stop() {
      child.kill('SIGQUIT')
      await ended
    },
  }
}
