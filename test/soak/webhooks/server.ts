import type { WebhookSettings } from '../../../routers/index.ts'
import { startServerProcess, type RehearsedServer } from '../server-process.ts'

/** A server that is started again whenever it is killed. */
export interface KeptServer extends AsyncDisposable {
  kill(): Promise<void>
}

/** Starts a server on a database, with webhooks. */
export async function keepServer(databaseUrl: string, webhooks: WebhookSettings): Promise<KeptServer> {
  const env = {
    DATABASE_URL: databaseUrl,
    WEBHOOK_SECRET_KEY: webhooks.secretKeys.join(','),
    WEBHOOK_ALLOWED_NETWORKS: webhooks.allowedNetworks.join(','),
  }
  let server = await start(env)
  return {
    async kill() {
      await server.kill()
      server = await start(env)
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

/** Again and again, where the database is away. */
async function start(env: Record<string, string>): Promise<RehearsedServer> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await startServerProcess(env)
    } catch (error) {
      if (attempt === 20) throw error
    }
  }
}
