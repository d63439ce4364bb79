import * as z from 'zod'
import type { PreparedStatements } from '../core/database/open.ts'
import type { Policy } from '../core/policy.ts'
import type { HostAndPort } from './addresses.ts'
import { clash, contradictions } from './contradictions.ts'
import type { EmbargoConfig, GivenSecrets, Limits, RateLimits } from './config-parts.ts'
import { eventBusConfig, eventBusSettings, type EventBusConfig } from './event-bus/settings.ts'
import { lmsConfig, lmsSettings, type LmsConfig } from './lms/settings.ts'
import { missingSecrets, weakSecrets } from './secret-problems.ts'
import {
  baseUrl,
  booleanText,
  cidrList,
  duration,
  host,
  httpUrl,
  logLevel,
  name,
  namedSecrets,
  onOff,
  originList,
  path,
  postgresUrl,
  rate,
  secretList,
  secretText,
  socketPath,
  weakSecretsRule,
  wholeNumber,
} from './setting-formats.ts'

/** What the deployment has decided; every setting of the process (run §2). */
export interface Config {
  /** Absent: the embedded PostgreSQL under `dataDir`. */
  readonly databaseUrl?: string | undefined
  readonly databasePoolSize: number
  readonly limits: Limits
  /** Whether statements are prepared under names: `auto` finds out. */
  readonly preparedStatements: PreparedStatements
  /** Holds the embedded database and the development secrets. */
  readonly dataDir: string
  readonly publicAddress: HostAndPort
  readonly privateAddress: HostAndPort | { readonly socketPath: string }
  readonly givenSecrets: GivenSecrets
  readonly jwtIssuer?: string | undefined
  readonly jwtAudience?: string | undefined
  readonly retirementServiceUsername: string
  readonly rateLimits: RateLimits
  readonly embargo: EmbargoConfig
  /** Addresses and CIDRs of the proxies whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[]
  readonly corsOrigins: readonly string[]
  readonly policy: Policy
  readonly enterprise: {
    /** Whether bulk enrollment says `created` of every success, as the original does. */
    readonly legacyCreatedFlag: boolean
    /** Whether a transaction takes over from another that is not known to be committed (enterprise-routes.md §3 a7). */
    readonly supersede: boolean
  }
  /** CIDRs that may be sent to although they are not of the internet, also without TLS. */
  readonly webhooks: { readonly allowedNetworks: readonly string[] }
  readonly bulk: { /** How long results of bulk jobs are kept. */ readonly retentionDays: number }
  readonly eventBus?: EventBusConfig | undefined
  readonly lms: LmsConfig
  readonly logLevel: z.output<typeof logLevel>
}

export type Environment = Readonly<Record<string, string | undefined>>

/** The settings cannot be used; `problems` names each variable and what is wrong with it, never a secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(`The settings cannot be used:\n${problems.map((problem) => `  ${problem}`).join('\n')}`)
    this.problems = problems
  }
}

/**
 * Reads the settings from an environment; an empty value counts as unset.
 *
 * @throws {ConfigError} with all problems at once. A missing secret is not one here: the command line needs none.
 */
export function readConfig(env: Environment): Config {
  const { config, problems } = parse(env)
  if (config === undefined || problems.length > 0) throw new ConfigError(problems)
  return config
}

/**
 * Reads the settings of a server, which needs all secrets: they are never generated beside a `DATABASE_URL`, and short ones
 * are refused there.
 *
 * @throws {ConfigError} with all problems at once, the missing and the weak secrets among them.
 */
export function readServerConfig(env: Environment): Config {
  const { config, problems } = parse(env)
  const weak = config === undefined || env['WEAK_SECRETS'] === 'allow' ? [] : weakSecrets(config)
  const all = [...problems, ...missingSecrets(given(env)), ...weak]
  if (config === undefined || all.length > 0) throw new ConfigError(all)
  return config
}

const settings = z.object({
  DATABASE_URL: postgresUrl.optional(),
  DATABASE_POOL_SIZE: wholeNumber(1, 1_000).default(10),
  DATABASE_STATEMENT_TIMEOUT: duration(100, 3_600_000).default(10_000),
  DATABASE_LOCK_TIMEOUT: duration(100, 3_600_000).default(5_000),
  REQUEST_DEADLINE: duration(100, 3_600_000).default(15_000),
  MAX_WAITING_CALLS: wholeNumber(1, 1_000_000).default(5_000),
  DATABASE_PREPARED_STATEMENTS: z.enum(['auto', 'on', 'off'], { error: 'must be auto, on or off' }).default('auto'),
  DATA_DIR: path.default('.data'),
  HOST: host.default('127.0.0.1'),
  PORT: wholeNumber(0, 65_535).default(8000),
  INTERNAL_HOST: host.default('127.0.0.1'),
  INTERNAL_PORT: wholeNumber(0, 65_535).default(8001),
  INTERNAL_SOCKET: socketPath.optional(),
  INTERNAL_TOKENS: namedSecrets.optional(),
  EDX_API_KEY: secretList.optional(),
  JWT_SECRET: secretText.optional(),
  JWT_JWKS_URL: httpUrl.optional(),
  JWT_PUBLIC_KEYS: path.optional(),
  JWT_ISSUER: name.optional(),
  JWT_AUDIENCE: name.optional(),
  WEAK_SECRETS: weakSecretsRule.default(false),
  RETIREMENT_SERVICE_USERNAME: name.default('retirement_service_worker'),
  RATE_LIMITS: onOff.default(true),
  RATE_LIMIT_USER: rate.default({ requests: 40, seconds: 60 }),
  RATE_LIMIT_STAFF: rate.default({ requests: 120, seconds: 60 }),
  RATE_LIMIT_ENTERPRISE: rate.default({ requests: 60, seconds: 60 }),
  EMBARGO: onOff.default(false),
  GEOIP_DATABASE: path.optional(),
  EMBARGO_BASE_URL: baseUrl.optional(),
  TRUST_PROXY: cidrList.default([]),
  CORS_ORIGINS: originList.default([]),
  LEGACY_KEYS_INVITATION_ONLY: booleanText.default(false),
  DEFAULT_MODE: name.default('audit'),
  ENTERPRISE_LEGACY_CREATED_FLAG: booleanText.default(false),
  ENTERPRISE_SUPERSEDE: onOff.default(true),
  WEBHOOK_SECRET_KEY: secretList.optional(),
  WEBHOOK_ALLOWED_NETWORKS: cidrList.default([]),
  BULK_RETENTION_DAYS: wholeNumber(1, 3_650).default(30),
  ...eventBusSettings,
  ...lmsSettings,
  LOG_LEVEL: logLevel.default('info'),
})

/** The name of every setting. */
export const settingNames: readonly string[] = Object.keys(settings.shape)

function parse(env: Environment): { config?: Config; problems: string[] } {
  const values = given(env)
  const parsed = settings.safeParse(values)
  const wrong = parsed.error?.issues.map((issue) => `${String(issue.path[0])} ${issue.message}`) ?? []
  const problems = [...wrong, ...contradictions(values)]
  if (!parsed.success) return { problems }
  const config = arrange(parsed.data)
  return { config, problems: [...problems, ...clash(config)] }
}

function given(env: Environment): Environment {
  return Object.fromEntries(settingNames.map((key) => [key, env[key] === '' ? undefined : env[key]]))
}

function arrange(read: z.output<typeof settings>): Config {
  return {
    databaseUrl: read.DATABASE_URL,
    databasePoolSize: read.DATABASE_POOL_SIZE,
    limits: {
      statementTimeoutMs: read.DATABASE_STATEMENT_TIMEOUT,
      lockTimeoutMs: read.DATABASE_LOCK_TIMEOUT,
      requestDeadlineMs: read.REQUEST_DEADLINE,
      maxWaitingCalls: read.MAX_WAITING_CALLS,
    },
    preparedStatements: read.DATABASE_PREPARED_STATEMENTS,
    dataDir: read.DATA_DIR,
    publicAddress: { host: read.HOST, port: read.PORT },
    privateAddress:
      read.INTERNAL_SOCKET === undefined
        ? { host: read.INTERNAL_HOST, port: read.INTERNAL_PORT }
        : { socketPath: read.INTERNAL_SOCKET },
    givenSecrets: {
      internalTokens: read.INTERNAL_TOKENS,
      edxApiKeys: read.EDX_API_KEY,
      jwt: { secret: read.JWT_SECRET, jwksUrl: read.JWT_JWKS_URL, publicKeysFile: read.JWT_PUBLIC_KEYS },
      webhookKeys: read.WEBHOOK_SECRET_KEY,
    },
    jwtIssuer: read.JWT_ISSUER,
    jwtAudience: read.JWT_AUDIENCE,
    retirementServiceUsername: read.RETIREMENT_SERVICE_USERNAME,
    rateLimits: {
      on: read.RATE_LIMITS,
      user: read.RATE_LIMIT_USER,
      staff: read.RATE_LIMIT_STAFF,
      enterprise: read.RATE_LIMIT_ENTERPRISE,
    },
    embargo: { on: read.EMBARGO, geoipDatabase: read.GEOIP_DATABASE, baseUrl: read.EMBARGO_BASE_URL },
    trustedProxies: read.TRUST_PROXY,
    corsOrigins: read.CORS_ORIGINS,
    policy: { defaultMode: read.DEFAULT_MODE, legacyKeysInvitationOnly: read.LEGACY_KEYS_INVITATION_ONLY },
    enterprise: { legacyCreatedFlag: read.ENTERPRISE_LEGACY_CREATED_FLAG, supersede: read.ENTERPRISE_SUPERSEDE },
    webhooks: { allowedNetworks: read.WEBHOOK_ALLOWED_NETWORKS },
    bulk: { retentionDays: read.BULK_RETENTION_DAYS },
    eventBus: eventBusConfig(read),
    lms: lmsConfig(read),
    logLevel: read.LOG_LEVEL,
  }
}
