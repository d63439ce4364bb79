import { readFile } from 'node:fs/promises'
import { importJWK, type JSONWebKeySet, type JWK } from 'jose'
import * as z from 'zod'
import { ConfigError } from './config.ts'
import { isLongEnough } from './rest/auth/verification-keys.ts'

/**
 * Reads the key set of `JWT_PUBLIC_KEYS`, and tries each key: what is wrong with the file is known at the start and not
 * when the first token comes.
 *
 * @throws {ConfigError} that says what is wrong, and nothing of what the file holds.
 */
export async function readKeySetFile(path: string): Promise<JSONWebKeySet> {
  const text = await readFile(path, 'utf8').catch((error: Error) => {
    throw wrong(`names a file that cannot be read: ${error.message}`)
  })
  const { data: keySet } = keySetFormat.safeParse(parsed(text))
  if (keySet === undefined) {
    throw wrong('must name a JSON Web Key Set: {"keys":[...]} with at least one key and, in each, its "kty"')
  }
  for (const [index, key] of keySet.keys.entries()) await tryKey(key, index + 1)
  return keySet
}

const keySetFormat = z.object({ keys: z.array(z.looseObject({ kty: z.string() })).min(1) })

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

async function tryKey(key: JWK, number: number): Promise<void> {
  if ('k' in key) throw wrong(`holds a secret as key ${number}: JWT_SECRET is the place for it`)
  if ('d' in key) throw wrong(`holds a private key as key ${number}: only public keys belong there`)
  const algorithm = algorithms.get(key.kty ?? '')
  if (algorithm === undefined) throw wrong(`holds key ${number} of another type than RSA and EC`)
  const imported = await importJWK(key, algorithm).catch(() => null)
  if (!(imported instanceof CryptoKey)) throw wrong(`holds key ${number} that is no key for ${algorithm}`)
  if (!isLongEnough(imported)) throw wrong(`holds key ${number} that is shorter than 2048 bits`)
}

const algorithms: ReadonlyMap<string, string> = new Map([
  ['RSA', 'RS256'],
  ['EC', 'ES256'],
])

function wrong(what: string): ConfigError {
  return new ConfigError([`JWT_PUBLIC_KEYS ${what}`])
}
