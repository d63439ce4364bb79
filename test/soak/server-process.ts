import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** Secrets of a server that only its own rehearsal asks. */
export const SECRETS = {
  INTERNAL_TOKENS: `ops:${'t'.repeat(32)}`,
  EDX_API_KEY: 'k'.repeat(32),
  JWT_SECRET: 'j'.repeat(32),
}

export interface RehearsedServer extends AsyncDisposable {
  readonly url: string
  readonly internalUrl: string
  readonly pid: number
  /** Ends it at once. */
  kill(): Promise<void>
}

/**
 * Starts the server in a process of its own, on free ports.
 *
 * @throws when it ends before it is ready.
 */
export async function startServerProcess(env: Readonly<Record<string, string>>): Promise<RehearsedServer> {
  const { PATH = '' } = process.env // oxlint-disable-line node/no-process-env -- for the child
  const child = spawn(process.execPath, ['--max-semi-space-size=64', 'server/main.ts'], {
    env: { PATH, PORT: '0', INTERNAL_PORT: '0', RATE_LIMITS: 'off', LOG_LEVEL: 'fatal', ...SECRETS, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill(signal)
    await ended
  }
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.includes('"msg":"ready"')) continue
    child.stdout.resume()
    const { url, internalUrl } = JSON.parse(line) as { url: string; internalUrl: string } // The ready line (run §2).
    const stop = () => end('SIGTERM')
    return { url, internalUrl, pid: child.pid ?? 0, kill: () => end('SIGKILL'), [Symbol.asyncDispose]: stop }
  }
  throw new Error('The server has not become ready')
}
