import type { Config, Environment } from './config.ts'

/** Characters of the shortest secret that is taken for a deployment (run §2). */
export const MIN_SECRET_LENGTH = 16

/**
 * Names the settings whose secrets are so short that somebody could find them by trying. Beside the embedded database any
 * secret will do: it is for development.
 *
 * @returns one problem a setting, which never repeats the secret.
 */
export function weakSecrets({ databaseUrl, givenSecrets }: Pick<Config, 'databaseUrl' | 'givenSecrets'>): string[] {
  if (databaseUrl === undefined) return []
  const { internalTokens, edxApiKeys, jwt, webhookKeys } = givenSecrets
  const secrets: [string, readonly string[]][] = [
    ['INTERNAL_TOKENS', [...(internalTokens?.keys() ?? [])]],
    ['EDX_API_KEY', edxApiKeys ?? []],
    ['JWT_SECRET', jwt.secret === undefined ? [] : [jwt.secret]],
    ['WEBHOOK_SECRET_KEY', webhookKeys ?? []],
  ]
  return secrets
    .filter(([, values]) => values.some((value) => [...value].length < MIN_SECRET_LENGTH))
    .map(
      ([name]) =>
        `${name} has a secret of fewer than ${MIN_SECRET_LENGTH} characters: take another, such as that of ` +
        "'openssl rand -base64 32', or set WEAK_SECRETS=allow",
    )
}

/**
 * Names the secrets that a server needs beside a `DATABASE_URL` and that are not given.
 *
 * @returns one problem for each.
 */
export function missingSecrets(env: Environment): string[] {
  if (env['DATABASE_URL'] === undefined) return []
  const why = 'is required with DATABASE_URL, beside which no secret is generated'
  const problems: string[] = []
  if (env['INTERNAL_TOKENS'] === undefined) problems.push(`INTERNAL_TOKENS ${why}: name:secret pairs, comma separated`)
  if (env['EDX_API_KEY'] === undefined) problems.push(`EDX_API_KEY ${why}: accepted values, comma separated`)
  const jwt = ['JWT_SECRET', 'JWT_JWKS_URL', 'JWT_PUBLIC_KEYS']
  if (jwt.every((key) => env[key] === undefined)) problems.push(`JWT_SECRET, JWT_JWKS_URL or JWT_PUBLIC_KEYS ${why}`)
  return problems
}
