import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { open, readFile, rename, stat } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { chooseAccount, giveFilesTo } from './account.ts'
import { FILES, isAlive, LOCALE, type Cluster } from './cluster.ts'

/** A PostgreSQL server process, as the file in which PostgreSQL notes it says. */
export interface Postmaster {
  pid: number
  port: number
}

/**
 * The server that runs on these files, whoever started it. It may still be starting, with no port yet, or stopping.
 *
 * PostgreSQL refuses to start as long as any process has the number that its file names. Where the number has gone to
 * a stranger since the file was left behind, it is overwritten: PostgreSQL then makes its other checks and starts.
 */
export function runningPostmaster(cluster: Cluster): Postmaster | undefined {
  const note = readNote(cluster)
  if (note === undefined) return undefined
  const postmaster = parseNote(note)
  if (!(postmaster.pid > 0) || !isAlive(postmaster.pid)) return undefined
  if (isPostmaster(postmaster.pid, cluster)) return postmaster
  // Unchanged: it is not the note of a server that another process has started meanwhile.
  if (readNote(cluster) === note) writeFileSync(notePath(cluster), note.replace(/^\d+/, NO_PROCESS))
  return undefined
}

function readNote(cluster: Cluster): string | undefined {
  try {
    return readFileSync(notePath(cluster), 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

/** Its lines: process id, data directory, start time, port, and more that is of no use here. */
function parseNote(note: string): Postmaster {
  const [pid, , , port] = note.split('\n')
  return { pid: Number(pid), port: Number(port) }
}

function notePath(cluster: Cluster): string {
  return join(cluster.files, 'postmaster.pid')
}

// Above the highest number that any system gives to a process.
const NO_PROCESS = String(2 ** 31 - 1)

function isPostmaster(pid: number, cluster: Cluster): boolean {
  // There PostgreSQL looks for a pipe that only its own processes have.
  if (process.platform === 'win32') return true
  const line = commandLine(pid)
  return line === undefined || line.includes(cluster.files)
}

/** Empty for a process that has ended and that nobody has waited for; undefined when it cannot be known. */
function commandLine(pid: number): string | undefined {
  if (process.platform !== 'linux')
    return spawnSync('ps', ['-ww', '-o', 'command=', '-p', String(pid)]).stdout?.toString()
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return undefined
  }
}

/**
 * Starts a server that outlives this process and its terminal's signals. It may lose to another that is started at
 * the same time, or end at once: `runningPostmaster` says what became of it.
 *
 * @returns the process id
 */
export async function launchPostmaster(cluster: Cluster): Promise<number | undefined> {
  const account = await chooseAccount(cluster.binaries.postgres, cluster.dataDir)
  const port = await choosePort(cluster)
  await using log = await openLog(cluster.log)
  await giveFilesTo(account, cluster.dataDir, [FILES, `${FILES}.log`])
  const settings = { listen_addresses: HOST, port: String(port), unix_socket_directories: '', ...cluster.settings }
  const [program, ...args] = [...account.prefix, cluster.binaries.postgres, '-D', cluster.files]
  for (const [name, value] of Object.entries(settings)) args.push('-c', `${name}=${value}`)
  const child = spawn(program, args, {
    ...account.user,
    cwd: cluster.dataDir,
    env: LOCALE,
    detached: true,
    windowsHide: true,
    stdio: ['ignore', log.fd, log.fd],
  })
  await once(child, 'spawn')
  child.unref()
  while (child.exitCode === null && child.signalCode === null && !runningPostmaster(cluster)) await sleep(10)
  return child.pid
}

export const HOST = '127.0.0.1'

/** After a crash the port from before, so that a process which kept its connection string finds the server again. */
async function choosePort(cluster: Cluster): Promise<number> {
  const before = parseNote(readNote(cluster) ?? '').port
  if (!before) return findFree(0)
  return findFree(before).catch(() => findFree(0))
}

async function findFree(port: number): Promise<number> {
  const server = createServer().listen(port, HOST)
  await once(server, 'listening')
  const address = server.address() as AddressInfo // a TCP server that listens has one
  await new Promise((resolve) => server.close(resolve))
  return address.port
}

const LOG_LIMIT = 4 * 1024 * 1024

async function openLog(path: string) {
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  )
  if (size > LOG_LIMIT) await rename(path, `${path}.1`)
  return open(path, 'a', 0o600)
}

/** Why the server ended, by the last entries of weight in its log. */
export async function lastLogEntries(cluster: Cluster): Promise<string> {
  const lines = (await readFile(cluster.log, 'utf8')).split('\n')
  const entries = lines.map((line) => line.replace(/^.*? \[\d+\] /, '')).filter((line) => WEIGHTY.test(line))
  return [...new Set(entries.slice(-3))].join(' ') || `see ${cluster.log}`
}

const WEIGHTY = /^(FATAL|PANIC|DETAIL|HINT):|: error /

/**
 * Asks the server to end: `fast` rolls back what runs, `smart` waits until all have left. Synchronous, so that a
 * process can do it while it exits.
 */
export function requestShutdown(cluster: Cluster, postmaster: Postmaster, way: 'fast' | 'smart'): void {
  const signal = way === 'fast' ? 'INT' : 'TERM'
  if (process.platform === 'win32') {
    spawnSync(cluster.binaries.pg_ctl, ['kill', signal, String(postmaster.pid)])
  } else if (isAlive(postmaster.pid)) {
    process.kill(postmaster.pid, `SIG${signal}`)
  }
}

/** Stops the server and waits until it is gone. */
export async function stopPostmaster(cluster: Cluster, postmaster: Postmaster): Promise<void> {
  const deadline = Date.now() + STOP_MS
  requestShutdown(cluster, postmaster, 'fast')
  while (isAlive(postmaster.pid) && isPostmaster(postmaster.pid, cluster)) {
    if (Date.now() > deadline)
      throw new Error(`PostgreSQL (process ${postmaster.pid}) did not stop: see ${cluster.log}`)
    await sleep(10)
  }
}

const STOP_MS = 60_000
