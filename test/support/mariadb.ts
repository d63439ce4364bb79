import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createConnection, type Connection } from 'mysql2/promise'
import { freePort } from './free-port.ts'

const SERVER = ['mariadbd', '/usr/sbin/mariadbd'].find((program) => spawnSync(program, ['--version']).status === 0)
const INSTALL = 'mariadb-install-db'

/** Where MariaDB is not installed its tests are skipped, and say so. */
export const hasMariadb = SERVER !== undefined && spawnSync(INSTALL, ['--help']).error === undefined
if (!hasMariadb) process.stderr.write('MariaDB is not installed: its tests are skipped.\n')

const SAMPLE = join(import.meta.dirname, '../../docs/contract/lms-sample.sql')

export interface TestMariadb extends AsyncDisposable {
  /** Of a database of it. */
  url(database: string): string
  /** Makes a database: an empty one, or one with the sample of an LMS (docs/contract/lms-sample.sql). */
  createDatabase(name: string, content?: 'empty' | 'sample'): Promise<string>
  /** Runs statements, separated by semicolons, in a database. */
  run(database: string, statements: string): Promise<void>
  /** The rows of one query; instants as text. */
  rows<Row>(database: string, query: string): Promise<Row[]>
  /** Ends the process at once. */
  kill(): Promise<void>
  /** Starts it again on the files that it left. */
  start(): Promise<void>
  signal(name: NodeJS.Signals): void
}

/** Starts a MariaDB of its own, with zone UTC; `root` has no password. */
export async function openMariadb(...settings: string[]): Promise<TestMariadb> {
  if (SERVER === undefined) throw new Error('MariaDB is not installed')
  const port = await freePort()
  const directory = await mkdtemp(join(tmpdir(), 'mariadb-'))
  const account = process.getuid?.() === 0 ? ['--user=root'] : []
  const files = ['--no-defaults', `--datadir=${join(directory, 'data')}`, ...account]
  const install = spawn(INSTALL, [...files, '--auth-root-authentication-method=normal', '--skip-test-db'], {
    stdio: 'ignore',
  })
  const [code] = await once(install, 'exit')
  if (code !== 0) throw new Error(`${INSTALL} ended with ${String(code)}`)
  const network = ['--bind-address=127.0.0.1', `--port=${port}`, `--socket=${join(directory, 'socket')}`]
  // Fast, and durable where only the process is killed.
  const speed = [
    '--innodb-flush-log-at-trx-commit=2',
    '--innodb-buffer-pool-size=128M',
    '--skip-log-bin',
    '--sync-binlog=0',
  ]
  const shape = [
    '--default-time-zone=+00:00',
    '--character-set-server=utf8mb4',
    '--skip-name-resolve',
    '--skip-networking=0',
  ]
  let child: ChildProcess | undefined
  const start = async () => {
    child = spawn(SERVER, [...files, ...network, ...speed, ...shape, ...settings], { stdio: 'ignore' })
    await isAnswering(port)
  }
  const kill = async () => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
  const url = (database: string) => `mysql://root@127.0.0.1:${port}/${database}`
  const connected = async <T>(database: string, work: (connection: Connection) => Promise<T>): Promise<T> => {
    const connection = await createConnection({
      uri: url(database),
      multipleStatements: true,
      dateStrings: true,
      charset: 'utf8mb4',
    })
    try {
      return await work(connection)
    } finally {
      await connection.end()
    }
  }
  const run = (database: string, statements: string) =>
    connected(database, async (connection) => void (await connection.query(statements)))
  await start()
  return {
    url,
    run,
    async createDatabase(name, content = 'sample') {
      await run('', `create database \`${name}\` character set utf8mb4 collate utf8mb4_unicode_ci`)
      if (content === 'sample') await run(name, await readFile(SAMPLE, 'utf8'))
      return url(name)
    },
    rows: <Row>(database: string, query: string) =>
      connected(database, async (connection) => (await connection.query(query))[0] as Row[]),
    kill,
    start,
    signal: (name) => void child?.kill(name),
    async [Symbol.asyncDispose]() {
      await kill()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

async function isAnswering(port: number): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt += 1) {
    try {
      const connection = await createConnection({ host: '127.0.0.1', port, user: 'root' })
      await connection.end()
      return
    } catch {
      await sleep(50)
    }
  }
  throw new Error('MariaDB does not answer')
}
