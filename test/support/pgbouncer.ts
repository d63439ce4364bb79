import { spawn, spawnSync } from 'node:child_process'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { inject } from 'vitest'
import { freePort } from './free-port.ts'

/** `PGBOUNCER` names another one than that of the machine. */
const PROGRAM = process.env['PGBOUNCER'] ?? 'pgbouncer'

const [, major, minor] = /PgBouncer (\d+)\.(\d+)/.exec(String(spawnSync(PROGRAM, ['--version']).stdout)) ?? []

/** Where PgBouncer is not installed its tests are skipped, and say so. */
export const hasPgbouncer = major !== undefined
/** Whether it can keep prepared statements, which it does from 1.21 on. */
export const knowsPreparedStatements = hasPgbouncer && (Number(major) > 1 || Number(minor) >= 21)
if (!hasPgbouncer) process.stderr.write('PgBouncer is not installed: its tests are skipped.\n')

export interface Pgbouncer extends AsyncDisposable {
  /** The same database by way of the pooler. */
  readonly url: string
}

/**
 * Starts a PgBouncer before a database, in transaction mode with few connections to the server, so that clients meet one
 * another's.
 */
export async function openPgbouncer(
  connectionString: string,
  settings: Readonly<Record<string, string | number>> = {},
  /** Instead of the one of the URL; its password is its name. */
  role?: string,
): Promise<Pgbouncer> {
  const { hostname, port, username, password, pathname } = new URL(connectionString)
  const own = await freePort()
  const lines = { ...DEFAULTS, listen_port: own, ...settings }
  const [user, secret] = role === undefined ? [username || 'postgres', decodeURIComponent(password)] : [role, role]
  const server = `host=${hostname} port=${port} user=${user} password=${secret}`
  const file = join(await mkdtemp(join(inject('scratch'), 'pgbouncer-')), 'pgbouncer.ini')
  await writeFile(
    file,
    `[databases]\n* = ${server}\n[pgbouncer]\n${Object.entries(lines)
      .map(([name, value]) => `${name} = ${value}\n`)
      .join('')}`,
  )
  // It refuses to run as root.
  const unprivileged = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
  const child = spawn(PROGRAM, [...unprivileged, file], { stdio: ['ignore', 'ignore', 'pipe'] })
  let log = ''
  child.stderr.on('data', (data: Buffer) => {
    log = (log + data.toString()).slice(-4_000)
  })
  const ended = once(child, 'exit')
  for (let attempt = 0; !(await isListening(own)); attempt += 1) {
    if (child.exitCode !== null || attempt > 200) throw new Error(`PgBouncer did not start: ${log}`)
    await sleep(50)
  }
  const url = new URL(connectionString)
  url.host = `127.0.0.1:${own}`
  url.pathname = pathname
  return {
    url: url.href,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

const DEFAULTS = {
  listen_addr: '127.0.0.1',
  unix_socket_dir: '',
  auth_type: 'any',
  pool_mode: 'transaction',
  default_pool_size: 3,
  max_client_conn: 200,
  // As older ones do, unless a test says otherwise.
  ...(knowsPreparedStatements && { max_prepared_statements: 0 }),
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
