import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

export const TOKEN = 't'.repeat(32)
const SECRETS = { INTERNAL_TOKENS: `ops:${TOKEN}`, EDX_API_KEY: 'k'.repeat(32), JWT_SECRET: 'j'.repeat(32) }

/** A server in a process of its own. */
export interface WatchedServer extends AsyncDisposable {
  readonly internalUrl: string
  /** Seconds of processor time that it has taken. */
  processorSeconds(): number
  /** Ends it at once. */
  kill(): Promise<void>
}

export async function startServerProcess(connectionString: string): Promise<WatchedServer> {
  const { PATH = '' } = process.env
  const child = spawn(process.execPath, ['--max-semi-space-size=64', 'server/main.ts'], {
    env: { PATH, PORT: '0', INTERNAL_PORT: '0', LOG_LEVEL: 'fatal', DATABASE_URL: connectionString, ...SECRETS },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill(signal)
    await exited
  }
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.includes('"msg":"ready"')) continue
    child.stdout.resume()
    const { internalUrl } = JSON.parse(line) as { internalUrl: string } // The ready line (run §2).
    return {
      internalUrl,
      processorSeconds: () => processorSeconds(child.pid ?? 0),
      kill: () => end('SIGKILL'),
      [Symbol.asyncDispose]: () => end('SIGTERM'),
    }
  }
  throw new Error('The server has not become ready')
}

/** Of a process, on Linux; elsewhere zero. */
function processorSeconds(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return (Number(fields[11]) + Number(fields[12])) / 100
  } catch {
    return 0
  }
}
