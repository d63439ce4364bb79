import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { inject, vi } from 'vitest'
import { chooseAccount, giveFilesTo } from '../../embedded/account.ts'
import { LOCALE } from '../../embedded/cluster.ts'
import { runStatement } from './statement.ts'
import { freePort } from './free-port.ts'

// Clusters of a PostgreSQL that the machine has, for what the embedded one lacks the programs for.

const PROGRAMS = ['initdb', 'postgres', 'pg_dump', 'psql', 'pg_basebackup']

const WHERE = ['/usr/lib/postgresql', '/usr/local/pgsql']

/** The directory of PostgreSQL's programs; undefined: the machine does not have all of them. */
export async function findSystemPostgres(): Promise<string | undefined> {
  const versions = await Promise.all(
    WHERE.map(async (base) => (await names(base)).map((name) => join(base, name, 'bin'))),
  )
  const onPath = (process.env['PATH'] ?? '').split(delimiter)
  const directories = [...onPath, ...versions.flat(), '/usr/local/pgsql/bin']
  return directories.find((directory) => PROGRAMS.every((program) => existsSync(join(directory, program))))
}

/** Why a test is left out. */
export const NO_SYSTEM_POSTGRES = `needs PostgreSQL's own programs (${PROGRAMS.join(', ')})`

async function names(directory: string): Promise<string[]> {
  return readdir(directory).catch(() => [])
}

export interface SystemCluster extends AsyncDisposable {
  readonly connectionString: string
  readonly port: number
}

/** Starts a cluster of its own; disposing of it stops it. */
export async function startSystemCluster(bin: string): Promise<SystemCluster> {
  const base = await mkdtemp(join(inject('scratch'), 'system-'))
  const account = await chooseAccount(join(bin, 'initdb'), base)
  await giveFilesTo(account, base, [])
  const files = join(base, 'files')
  const initdb = [join(bin, 'initdb'), '-D', files, '-U', 'postgres', '--auth=trust', '--encoding=UTF8', '--no-sync']
  await run([...account.prefix, ...initdb], { ...account.user, cwd: base })
  return startFiles(bin, files)
}

/** Starts a standby of a cluster, which follows it. */
export async function startStandby(bin: string, primary: SystemCluster): Promise<SystemCluster> {
  const base = await mkdtemp(join(inject('scratch'), 'standby-'))
  const account = await chooseAccount(join(bin, 'initdb'), base)
  await giveFilesTo(account, base, [])
  const files = join(base, 'files')
  const backup = [join(bin, 'pg_basebackup'), '-D', files, '-R', '-X', 'stream', '-c', 'fast', '--no-sync']
  await run([...account.prefix, ...backup, '-h', '127.0.0.1', '-p', String(primary.port), '-U', 'postgres'], {
    ...account.user,
    cwd: base,
  })
  return startFiles(bin, files)
}

/** Moves a database to another cluster, by `pg_dump | psql`. The target must not have it yet. */
export async function dumpAndRestore(bin: string, from: string, to: SystemCluster): Promise<string> {
  const target = await createDatabase(to)
  await restore(bin, await dump(bin, from), target)
  return target
}

/** The text that makes a database again. */
export async function dump(bin: string, from: string, options: readonly string[] = []): Promise<string> {
  const { stdout } = await promisify(execFile)(join(bin, 'pg_dump'), [...options, '-d', from], { maxBuffer: 2 ** 30 })
  return stdout
}

/** Runs what {@link dump} wrote. */
export async function restore(bin: string, text: string, target: string): Promise<void> {
  const psql = spawn(join(bin, 'psql'), ['-q', '-v', 'ON_ERROR_STOP=1', '-d', target], {
    stdio: ['pipe', 'ignore', 'inherit'],
  })
  psql.stdin.end(text)
  const [code] = await once(psql, 'exit')
  if (code !== 0) throw new Error(`psql ended with ${code}`)
}

/** An empty database in a cluster. */
export async function createDatabase(cluster: SystemCluster, name = 'service'): Promise<string> {
  await runStatement(cluster.connectionString, `create database ${name} template template0`)
  const url = new URL(cluster.connectionString)
  url.pathname = name
  return url.href
}

async function startFiles(bin: string, files: string): Promise<SystemCluster> {
  const account = await chooseAccount(join(bin, 'initdb'), dirname(files))
  const port = await freePort()
  const [program = '', ...args] = [...account.prefix, join(bin, 'postgres'), '-D', files, ...settingsOf(port)]
  const child = spawn(program, args, { ...account.user, cwd: dirname(files), env: LOCALE, stdio: 'ignore' })
  const connectionString = `postgresql://postgres@127.0.0.1:${port}/postgres`
  await vi.waitFor(() => runStatement(connectionString, 'select 1'), { timeout: 60_000, interval: 100 })
  return {
    connectionString,
    port,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.kill('SIGINT')
      await exited
    },
  }
}

function settingsOf(port: number): string[] {
  const settings = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    fsync: 'off',
    wal_level: 'logical',
    max_prepared_transactions: 10,
  }
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

async function run([program = '', ...args]: string[], options: { uid?: number; gid?: number; cwd: string }) {
  await promisify(execFile)(program, args, { ...options, env: LOCALE })
}
