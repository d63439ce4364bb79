import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { WebhookSettings } from '../../../routers/index.ts'

/** A server that is started again whenever it is killed. */
export interface KeptServer extends AsyncDisposable {
  kill(): Promise<void>
}

const SECRETS = { INTERNAL_TOKENS: `ops:${'t'.repeat(32)}`, EDX_API_KEY: 'k'.repeat(32), JWT_SECRET: 'j'.repeat(32) }

/** Starts a server on a database, with webhooks. */
export async function keepServer(databaseUrl: string, webhooks: WebhookSettings): Promise<KeptServer> {
  const env = {
    ...SECRETS,
    DATABASE_URL: databaseUrl,
    WEBHOOK_SECRET_KEY: webhooks.secretKeys.join(','),
    WEBHOOK_ALLOWED_NETWORKS: webhooks.allowedNetworks.join(','),
  }
  let child = await start(env)
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill(signal)
    await exited
  }
  return {
    async kill() {
      await end('SIGKILL')
      child = await start(env)
    },
    [Symbol.asyncDispose]: () => end('SIGTERM'),
  }
}

/** Again and again, where the database is away. */
async function start(env: Record<string, string>): Promise<ChildProcess> {
  const { PATH = '' } = process.env // oxlint-disable-line node/no-process-env -- for the child
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const child = spawn(process.execPath, ['--max-semi-space-size=64', 'server/main.ts'], {
      env: { PATH, PORT: '0', INTERNAL_PORT: '0', LOG_LEVEL: 'info', ...env },
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    for await (const line of createInterface({ input: child.stdout })) {
      if (!line.includes('"msg":"ready"')) continue
      child.stdout.resume()
      return child
    }
  }
  throw new Error('The server has not become ready')
}
