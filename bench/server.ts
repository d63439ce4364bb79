import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SignJWT } from 'jose'
import type { Database } from '../core/database/open.ts'
import { buildApp } from '../server/app.ts'
import { readConfig } from '../server/config.ts'
import { openListeners } from '../server/listeners.ts'

/** A running server with both doors, and what opens them. */
export interface BenchServer extends AsyncDisposable {
  /** Of the REST door, with the base path and without a slash at the end. */
  readonly restUrl: string
  /** Of the typed door. */
  readonly socketPath: string
  readonly apiKey: string
  readonly token: string
  /** A token of the REST door for global staff. */
  staffToken(): Promise<string>
}

/** Opens both doors over a database, on a free port of the loopback interface and on a Unix socket. */
export async function openServer(db: Database): Promise<BenchServer> {
  await using undo = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), 'enrollment-bench-'))
  undo.defer(() => rm(directory, { recursive: true, force: true }))
  const socketPath = join(directory, 'private.sock')
  const [apiKey, token, secret] = ['bench-api-key', 'bench-token', 'bench-secret-of-thirty-two-bytes!']
  const config = readConfig({ PORT: '0', INTERNAL_SOCKET: socketPath, RATE_LIMITS: 'off' })
  const secrets = { internalTokens: new Map([[token, 'bench']]), edxApiKeys: [apiKey], jwt: { secret } }
  const app = buildApp({ db, config, secrets })
  undo.defer(() => app.close())
  const { url } = await openListeners(app, config)
  const stack = undo.move()
  return {
    restUrl: `${url}/api/enrollment/v1`,
    socketPath,
    apiKey,
    token,
    staffToken: () =>
      new SignJWT({ preferred_username: 'bench_staff', administrator: true })
        .setProtectedHeader({ alg: 'HS256' })
        .setExpirationTime('12h')
        .sign(new TextEncoder().encode(secret)),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}
