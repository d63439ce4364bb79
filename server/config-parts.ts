import type { Rate } from './setting-formats.ts'

/** Secrets as the environment gives them; `resolveSecrets` fills the gaps. */
export interface GivenSecrets {
  /** Names of the callers of the private listener, by their secret. */
  readonly internalTokens?: ReadonlyMap<string, string> | undefined
  /** Accepted values of `X-Edx-Api-Key`. */
  readonly edxApiKeys?: readonly string[] | undefined
  readonly jwt: JwtKeys
  /** The first encrypts the secrets of webhooks, each of them decrypts. */
  readonly webhookKeys?: readonly string[] | undefined
}

/** How JWTs are verified; more than one may be given. */
export interface JwtKeys {
  /** HS256, HS384, HS512. */
  readonly secret?: string | undefined
  /** Address of a JSON Web Key Set. */
  readonly jwksUrl?: string | undefined
  /** Path of a file that holds a JSON Web Key Set. */
  readonly publicKeysFile?: string | undefined
}

/** How long anything may take, and how much may wait; milliseconds. */
export interface Limits {
  readonly statementTimeoutMs: number
  readonly lockTimeoutMs: number
  readonly requestDeadlineMs: number
  readonly maxWaitingCalls: number
}

export interface RateLimits {
  /** False: only the routes count that the REST contract gives no switch. */
  readonly on: boolean
  readonly user: Rate
  readonly staff: Rate
  /** On the routes of enterprise, for whoever is no global staff. */
  readonly enterprise: Rate
}

export interface EmbargoConfig {
  readonly on: boolean
  /** Path of an `.mmdb` file; absent only with the embedded database. */
  readonly geoipDatabase?: string | undefined
  /** Absent: the origin of the request. */
  readonly baseUrl?: string | undefined
}
