import { createLocalJWKSet, errors, type JSONWebKeySet, type JWSHeaderParameters } from 'jose'
import { remoteKeySet, type KeySet } from './remote-keys.ts'

/** By what tokens are believed; any number of these at once. */
export interface JwtTrust {
  /** For HS256, HS384 and HS512. */
  readonly secret?: string | undefined
  /** For RS256, RS512 and ES256. */
  readonly publicKeys?: JSONWebKeySet | undefined
  /** Address of a key set, for the same. */
  readonly jwksUrl?: string | undefined
}

const SECRET_ALGORITHMS: readonly string[] = ['HS256', 'HS384', 'HS512']
const KEY_PAIR_ALGORITHMS: readonly string[] = ['RS256', 'RS512', 'ES256']

/** What a token may be signed with. */
export const ALGORITHMS = [...SECRET_ALGORITHMS, ...KEY_PAIR_ALGORITHMS]

/** The keys that may have signed a token with such a header, the nearest first. */
export type VerificationKeys = (header: JWSHeaderParameters) => AsyncIterable<CryptoKey>

/**
 * Finds keys in all sources. The algorithm of a token decides where they are looked for: a public key never stands in
 * for a secret, whatever the token calls itself.
 */
export function verificationKeys({ secret, publicKeys, jwksUrl }: JwtTrust): VerificationKeys {
  const secretKey = secret === undefined ? undefined : importedSecret(secret)
  const sets: KeySet[] = []
  if (publicKeys !== undefined) sets.push(createLocalJWKSet(publicKeys))
  if (jwksUrl !== undefined) sets.push(remoteKeySet(jwksUrl))
  return async function* keysFor(header) {
    const { alg = '' } = header
    if (SECRET_ALGORITHMS.includes(alg) && secretKey !== undefined) yield await secretKey(alg)
    if (!KEY_PAIR_ALGORITHMS.includes(alg)) return
    for (const set of sets) for await (const key of matching(set, header)) if (isLongEnough(key)) yield key
  }
}

/** Imports a secret once for each algorithm. */
function importedSecret(secret: string): (algorithm: string) => Promise<CryptoKey> {
  const keys = new Map<string, Promise<CryptoKey>>()
  return (algorithm) => {
    const hash = algorithm.replace('HS', 'SHA-')
    const bytes = Buffer.from(secret)
    const key = keys.get(algorithm) ?? crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash }, false, ['verify'])
    keys.set(algorithm, key)
    return key
  }
}

async function* matching(set: KeySet, header: JWSHeaderParameters): AsyncGenerator<CryptoKey> {
  try {
    yield await set(header)
  } catch (error) {
    if (error instanceof errors.JWKSMultipleMatchingKeys) yield* error
    else if (!(error instanceof errors.JWKSNoMatchingKey)) throw error
  }
}

/** What jose would refuse to verify with: a key of RSA under 2048 bits. */
export function isLongEnough({ algorithm }: CryptoKey): boolean {
  return !('modulusLength' in algorithm) || Number(algorithm.modulusLength) >= 2048
}
