import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ENROLL } from './baselines.ts'
import { summarise, type Measurement } from './load.ts'
import { usernameOf } from './world.ts'

/** PostgreSQL's own load generator, where this machine has it: what is possible without a line of JavaScript. */
export interface Pgbench {
  /** Enrolls the first learners of the benchmark in a course with the hand-written statement, from 64 clients. */
  enroll(total: number, courseId: string): Promise<Measurement>
}

const CLIENTS = 64

/** @returns undefined where there is no `pgbench` on the path. */
export async function findPgbench(connectionString: string): Promise<Pgbench | undefined> {
  const isThere = await run('pgbench', ['--version']).then(
    () => true,
    () => false,
  )
  return isThere ? { enroll: (total, courseId) => enroll(connectionString, total, courseId) } : undefined
}

const run = promisify(execFile)

async function enroll(connectionString: string, total: number, courseId: string): Promise<Measurement> {
  const each = Math.floor(total / CLIENTS)
  const directory = await mkdtemp(join(tmpdir(), 'enrollment-pgbench-'))
  try {
    const script = join(directory, 'enroll.sql')
    await writeFile(script, scriptFor(each))
    const { hostname, port, username, password, pathname } = new URL(connectionString)
    const { stdout } = await run(
      'pgbench',
      [
        ...['-n', '-M', 'prepared', '-c', String(CLIENTS), '-j', '2', '-t', String(each)],
        ...['-D', 'i=0', '-D', `course=${courseId}`, '-D', 'mode=audit'],
        ...['-f', script, '-l', '--log-prefix', join(directory, 'latency')],
        ...['-h', hostname, '-p', port, '-U', username, decodeURIComponent(pathname.slice(1))],
      ],
      { env: { ...process.env, PGPASSWORD: decodeURIComponent(password), PGSSLMODE: 'disable' } },
    )
    const perSecond = Number(/^tps = ([\d.]+)/m.exec(stdout)?.[1])
    const latencies = await readLatencies(directory)
    if (!(perSecond > 0) || latencies.length !== each * CLIENTS) throw new Error(`pgbench failed: ${stdout}`)
    return summarise(latencies, (latencies.length * 1000) / perSecond, 1)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** The hand-written statement; each client walks through learners of its own. */
function scriptFor(each: number): string {
  const username = `('${usernameOf('')}' || :n::text)`
  const statement = ENROLL.conflict.replaceAll('$1', username).replaceAll('$2', ':course').replaceAll('$3', ':mode')
  return `\\set n :client_id * ${each} + :i\n\\set i :i + 1\n${statement.replaceAll(/\s+/g, ' ')};\n`
}

/** Milliseconds; the third word of a line of the log is the microseconds of a transaction. */
async function readLatencies(directory: string): Promise<Float64Array> {
  const names = (await readdir(directory)).filter((name) => name.startsWith('latency'))
  const logs = await Promise.all(names.map((name) => readFile(join(directory, name), 'utf8')))
  const lines = logs.flatMap((log) => log.trim().split('\n'))
  return Float64Array.from(lines, (line) => Number(line.split(' ')[2]) / 1000)
}
