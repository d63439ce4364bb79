import type { FastifyInstance } from 'fastify'
import type { Database } from '../../core/database/open.ts'
import type { EnrollmentFilter } from '../../core/enrollment/filter.ts'
import { buildApp } from '../../server/app.ts'
import { readConfig, type Environment } from '../../server/config.ts'
import type { Extension } from '../../server/extension.ts'
import { openListeners, type Addresses, type ListenersOptions } from '../../server/listeners.ts'
import type { Metrics } from '../../server/metrics/open.ts'
import type { JwtTrust } from '../../server/rest/auth/verification-keys.ts'
import type { Secrets } from '../../server/secrets.ts'

export const secrets = {
  internalTokens: new Map([['token-of-enterprise', 'enterprise']]),
  edxApiKeys: ['api-key'],
  jwt: { secret: 'jwt-secret-of-the-tests-with-32-bytes' },
} satisfies Secrets

export interface TestApp {
  db: Database
  env?: Environment
  /** By what tokens are believed, instead of the secret of the tests. */
  jwt?: JwtTrust
  /** The site's own rules about who is enrolled. */
  filters?: readonly EnrollmentFilter[]
  /** Instead of those that the server brings along. */
  extensions?: readonly Extension[]
  /** Instead of its own. */
  metrics?: Metrics
  logger?: { level: string; stream: { write(line: string): void } }
  now?: () => Date
}

/** The server as the process builds it, on the default settings but for `env`; listens nowhere. */
export function buildTestApp({ db, env = {}, jwt = secrets.jwt, filters, ...rest }: TestApp): FastifyInstance {
  const config = readConfig(env)
  const policy = { ...config.policy, filters }
  return buildApp({ db, config: { ...config, policy }, secrets: { ...secrets, jwt }, ...rest })
}

/** Opens both doors of a server on free ports, or where `at` says; dispose of it to close them. */
export async function openTestServer(
  app: FastifyInstance,
  at: Partial<ListenersOptions> = {},
): Promise<{ addresses: Addresses; url: string; internal: string } & AsyncDisposable> {
  const free = { host: '127.0.0.1', port: 0 }
  const addresses = await openListeners(app, { publicAddress: free, privateAddress: free, ...at })
  const internal = 'internalUrl' in addresses ? addresses.internalUrl : addresses.internalSocket
  return { addresses, url: addresses.url, internal, [Symbol.asyncDispose]: () => app.close() }
}
