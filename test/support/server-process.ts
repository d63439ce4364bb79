import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { sql, type Kysely } from 'kysely'
import { expect, onTestFinished } from 'vitest'
import type { DB } from '../../core/database/schema.ts'
import { neededEnvironment } from './child-environment.ts'
import { eventually } from './eventually.ts'

/** What a process with a database of its own has to be given. */
export const SECRETS = {
  INTERNAL_TOKENS: 'ops:token-of-the-tests',
  EDX_API_KEY: 'api-key-of-the-tests',
  JWT_SECRET: 'jwt-secret-of-the-tests',
}

export interface ServerProcess {
  child: ChildProcess
  /** The ready line; rejects when the process ends without one. */
  ready: Promise<{ url: string; internalUrl?: string; internalSocket?: string }>
  exit: Promise<number | null>
  stdout(): string
  stderr(): string
}

/**
 * Starts the process on free ports, for the length of the test, with nothing of the environment of the tests but what it
 * needs to run.
 *
 * @param onFinished of the test, where tests run at the same time.
 */
export function startServer(
  env: Record<string, string>,
  onFinished: (end: () => Promise<void>) => void = onTestFinished,
): ServerProcess {
  const child = spawn(process.execPath, ['server/main.ts'], {
    env: { ...neededEnvironment(), PORT: '0', INTERNAL_PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const written = { stdout: '', stderr: '' }
  const { promise, resolve, reject } = Promise.withResolvers<Awaited<ServerProcess['ready']>>()
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].on('data', (chunk: Buffer) => {
      written[name] += String(chunk)
      // The whole line: a piece of it may come first.
      const line = /^.*"msg":"ready".*(?=\n)/m.exec(written.stdout)?.[0]
      if (line !== undefined) resolve(JSON.parse(line))
    })
  }
  const exit = once(child, 'close').then(([code]) => {
    reject(new Error(`It ended with ${code}: ${written.stderr}`))
    return code
  })
  promise.catch(() => {})
  const server: ServerProcess = {
    child,
    ready: promise,
    exit,
    stdout: () => written.stdout,
    stderr: () => written.stderr,
  }
  onFinished(async () => {
    child.kill('SIGTERM')
    await exit
  })
  return server
}

/** Starts the process on a database, where its connections have a name. */
export function startNamed(name: string, connectionString: string): ServerProcess {
  const url = new URL(connectionString)
  url.searchParams.set('application_name', name)
  return startServer({ DATABASE_URL: url.href, ...SECRETS, LOG_LEVEL: 'silent' })
}

/** What PostgreSQL had begun for a process that is gone, it ends. */
export async function connectionsEnded(db: Kysely<DB>, name: string): Promise<void> {
  await eventually(async () => {
    const { rows } = await sql`select pid from pg_stat_activity where application_name = ${name}`.execute(db)
    expect(rows).toEqual([])
  })
}
