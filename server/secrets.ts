import { randomBytes } from 'node:crypto'
import { chmod, link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openDataDir, orDataDirError } from '../embedded/data-dir.ts'
import type { Config } from './config.ts'
import type { JwtKeys } from './config-parts.ts'
import { readKeySetFile } from './key-set-file.ts'
import type { JwtTrust } from './rest/auth/verification-keys.ts'

/** Everything by which callers prove who they are. */
export interface Secrets {
  /** Names of the callers of the private listener, by their secret. */
  readonly internalTokens: ReadonlyMap<string, string>
  /** Accepted values of `X-Edx-Api-Key`. */
  readonly edxApiKeys: readonly string[]
  readonly jwt: JwtTrust
  /** What the secrets of webhooks are encrypted with; none: there are no webhooks. */
  readonly webhookKeys?: readonly string[] | undefined
}

export interface DevelopmentSecrets {
  /** One caller named `development`, by its secret. */
  readonly internalTokens: ReadonlyMap<string, string>
  readonly edxApiKey: string
  readonly jwtSecret: string
  readonly webhookKey: string
}

/**
 * The secrets of the settings, completed by development secrets where none is given and the database is the embedded
 * one. Beside a `DATABASE_URL` nothing is generated: what is not given stays empty, and proves nobody.
 *
 * @throws {ConfigError} when the file of `JWT_PUBLIC_KEYS` cannot be used.
 */
export async function resolveSecrets(config: Config): Promise<Secrets> {
  const { internalTokens, edxApiKeys, jwt, webhookKeys } = config.givenSecrets
  if (config.databaseUrl !== undefined) {
    return {
      internalTokens: internalTokens ?? new Map(),
      edxApiKeys: edxApiKeys ?? [],
      jwt: await trustOf(jwt),
      webhookKeys: [...(webhookKeys ?? []), ...[...(internalTokens?.keys() ?? [])].map(keyOfToken)],
    }
  }
  const development = await developmentSecrets(config.dataDir)
  const isJwtGiven = Object.values(jwt).some((value) => value !== undefined)
  return {
    internalTokens: internalTokens ?? development.internalTokens,
    edxApiKeys: edxApiKeys ?? [development.edxApiKey],
    jwt: isJwtGiven ? await trustOf(jwt) : { secret: development.jwtSecret },
    webhookKeys: webhookKeys ?? [development.webhookKey],
  }
}

/**
 * Without a key of their own the secrets of webhooks are encrypted with the tokens of the private listener, which every process has.
 * Beside such a key they still decrypt what they encrypted before there was one.
 */
function keyOfToken(token: string): string {
  return `INTERNAL_TOKENS ${token}`
}

async function trustOf({ secret, jwksUrl, publicKeysFile }: JwtKeys): Promise<JwtTrust> {
  const publicKeys = publicKeysFile === undefined ? undefined : await readKeySetFile(publicKeysFile)
  return { secret, jwksUrl, publicKeys }
}

/** Where a development secret is kept, for a person to paste. */
export function developmentSecretFile(
  dataDir: string,
  secret: 'internal-token' | 'edx-api-key' | 'jwt-secret' | 'webhook-key',
): string {
  return join(dataDir, 'secrets', secret)
}

/**
 * The secrets of a developer's own machine: made once, kept under the data directory, the same for all processes that
 * use it, also when two of them start for the first time at once.
 *
 * @throws {DataDirError} when they can be neither read nor made.
 */
export async function developmentSecrets(dataDir: string): Promise<DevelopmentSecrets> {
  await openDataDir(dataDir)
  return orDataDirError(dataDir, async () => {
    const directory = join(dataDir, 'secrets')
    await mkdir(directory, { recursive: true, mode: 0o700 })
    await chmod(directory, 0o700)
    const internalToken = await keep(developmentSecretFile(dataDir, 'internal-token'))
    const edxApiKey = await keep(developmentSecretFile(dataDir, 'edx-api-key'))
    const jwtSecret = await keep(developmentSecretFile(dataDir, 'jwt-secret'))
    const webhookKey = await keep(developmentSecretFile(dataDir, 'webhook-key'))
    return { internalTokens: new Map([[internalToken, 'development']]), edxApiKey, jwtSecret, webhookKey }
  })
}

/** Written whole beside its place and then linked there, so that nobody reads half a secret and the first one stays. */
async function keep(file: string): Promise<string> {
  const kept = await readFile(file, 'utf8').catch(undefinedWhen('ENOENT'))
  if (kept !== undefined) return kept.trim()
  const draft = `${file}.${randomBytes(8).toString('hex')}`
  try {
    await writeFile(draft, randomBytes(32).toString('base64url'), { mode: 0o600, flag: 'wx' })
    await link(draft, file).catch(undefinedWhen('EEXIST'))
  } finally {
    await rm(draft, { force: true })
  }
  return (await readFile(file, 'utf8')).trim()
}

function undefinedWhen(code: string): (error: unknown) => undefined {
  return (error) => {
    if (error instanceof Error && 'code' in error && error.code === code) return undefined
    throw error
  }
}
