import { errors, jwtVerify, type JWTHeaderParameters, type JWTPayload } from 'jose'
import { MAX_EMAIL_LENGTH, MAX_USERNAME_LENGTH } from '../../../core/learner/ref.ts'
import { isStorableText } from '../../../core/text.ts'

/** How tokens are verified. */
export interface JwtOptions {
  /** For HS256, HS384 and HS512; without it no token is valid. */
  readonly secret?: string | undefined
  /** What `iss` and `aud` have to be; unset: not looked at. */
  readonly issuer?: string | undefined
  readonly audience?: string | undefined
}

/** What a valid token says about its holder (run §3). */
export interface Claims {
  readonly username: string
  /** Null: the token has none, or none that was verified. */
  readonly email: string | null
  readonly name: string
  readonly isStaff: boolean
  readonly isSuperuser: boolean
}

/** The token proves nothing; the message is that of the original. */
export class InvalidToken extends Error {
  override readonly name = 'InvalidToken'
}

/** Verifies a token and reads its claims, or throws {@link InvalidToken}. */
export type JwtVerifier = (token: string, now: Date) => Promise<Claims>

/** Makes the verifier; the secret is imported once for each algorithm. */
export function jwtVerifier({ secret, issuer, audience }: JwtOptions): JwtVerifier {
  const keys = new Map<string, Promise<CryptoKey>>()
  const keyFor = async ({ alg }: JWTHeaderParameters): Promise<CryptoKey> => {
    if (secret === undefined) throw new InvalidToken(INVALID)
    const key = keys.get(alg) ?? importSecret(secret, alg)
    keys.set(alg, key)
    return key
  }
  const expected = { ...(issuer !== undefined && { issuer }), ...(audience !== undefined && { audience }) }
  return async (token, now) => {
    const options = { algorithms: ['HS256', 'HS384', 'HS512'], currentDate: now, ...expected }
    const { payload } = await jwtVerify(token, keyFor, options).catch(inWordsOfTheOriginal)
    return claimsOf(payload)
  }
}

const INVALID = 'Invalid token.'

function importSecret(secret: string, algorithm: string): Promise<CryptoKey> {
  const hash = algorithm.replace('HS', 'SHA-')
  return crypto.subtle.importKey('raw', Buffer.from(secret), { name: 'HMAC', hash }, false, ['verify'])
}

function inWordsOfTheOriginal(error: unknown): never {
  if (error instanceof errors.JWTExpired) throw new InvalidToken('Token has expired.')
  if (error instanceof errors.JOSEError) throw new InvalidToken(INVALID)
  throw error
}

/** What is of another type than it should be counts as absent, except for the username. */
function claimsOf(payload: JWTPayload): Claims {
  const { preferred_username: username } = payload
  if (username === undefined || username === null) {
    throw new InvalidToken('JWT must include a preferred_username or username claim!')
  }
  if (!isUsername(username)) throw new InvalidToken('User retrieval failed.')
  return {
    username,
    email: emailOf(payload),
    name: isText(payload['name']) ? payload['name'] : '',
    isStaff: payload['administrator'] === true,
    isSuperuser: payload['superuser'] === true,
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && isStorableText(value)
}

function isUsername(value: unknown): value is string {
  return isText(value) && value !== '' && [...value].length <= MAX_USERNAME_LENGTH
}

function emailOf({ email, email_verified: isVerified }: JWTPayload): string | null {
  if (!isText(email) || isVerified === false) return null
  const trimmed = email.trim()
  return EMAIL.test(trimmed) && [...trimmed].length <= MAX_EMAIL_LENGTH ? trimmed : null
}

// As loose as the import's.
const EMAIL = /^[^\s@]+@[^\s@]+$/
