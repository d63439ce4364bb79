import { decodeProtectedHeader, errors, jwtVerify, type JWTPayload, type JWTVerifyOptions } from 'jose'
import { MAX_EMAIL_LENGTH } from '../../../core/learner/email-address.ts'
import { MAX_USERNAME_LENGTH, MAX_USER_ID } from '../../../core/learner/ref.ts'
import { isStorableText } from '../../../core/text.ts'
import { ALGORITHMS, verificationKeys, type JwtTrust, type VerificationKeys } from './verification-keys.ts'

/** How tokens are verified. */
export interface JwtOptions extends JwtTrust {
  /** What `iss` and `aud` have to be; unset: not looked at. */
  readonly issuer?: string | undefined
  readonly audience?: string | undefined
}

/** What a valid token says about its holder (run §3). */
export interface Claims {
  readonly username: string
  /** The id by which the LMS knows the account; null: the token has none. */
  readonly userId: number | null
  /** Null: the token has none, or none that was verified. */
  readonly email: string | null
  readonly name: string
  readonly isStaff: boolean
  readonly isSuperuser: boolean
}

/** The token proves nothing; the message is that of the original. */
export class InvalidToken extends Error {
  override readonly name = 'InvalidToken'
  /** Whether it was given out once: nobody has guessed. */
  readonly wasGivenOut: boolean
  /** What a bearer is told beside the message (rest-v1 §2.3). */
  readonly code: TokenErrorCode

  constructor(message: string, { wasGivenOut = false, code = 'token_malformed' }: InvalidTokenOptions = {}) {
    super(message)
    this.wasGivenOut = wasGivenOut
    this.code = code
  }
}

export type TokenErrorCode = 'token_malformed' | 'token_error' | 'token_nonexistent' | 'token_expired'

interface InvalidTokenOptions {
  readonly wasGivenOut?: boolean
  readonly code?: TokenErrorCode
}

/**
 * Verifies a token and reads its claims, or throws {@link InvalidToken}; `KeysUnavailable` when nobody can tell, because
 * the key server does not answer.
 */
export type JwtVerifier = (token: string, now: Date) => Promise<Claims>

/** Makes the verifier. */
export function jwtVerifier({ issuer, audience, ...trust }: JwtOptions): JwtVerifier {
  const keysFor = verificationKeys(trust)
  const expected = { ...(issuer !== undefined && { issuer }), ...(audience !== undefined && { audience }) }
  return async (token, now) => {
    const options = { algorithms: ALGORITHMS, currentDate: now, ...expected }
    return claimsOf(await verify(token, keysFor, options).catch(asInvalidToken))
  }
}

const INVALID = 'Invalid token.'

/** Several keys may fit the header of a token: one of them has to have signed it. */
async function verify(token: string, keysFor: VerificationKeys, options: JWTVerifyOptions): Promise<JWTPayload> {
  for await (const key of keysFor(headerOf(token))) {
    try {
      return (await jwtVerify(token, key, options)).payload
    } catch (error) {
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error
    }
  }
  throw new InvalidToken(INVALID)
}

function headerOf(token: string): ReturnType<typeof decodeProtectedHeader> {
  try {
    return decodeProtectedHeader(token)
  } catch {
    throw new InvalidToken(INVALID)
  }
}

function asInvalidToken(error: unknown): never {
  if (error instanceof errors.JWTExpired) throw new InvalidToken('Token has expired.', { wasGivenOut: true })
  if (error instanceof errors.JOSEError) throw new InvalidToken(INVALID)
  throw error
}

/** What is of another type than it should be counts as absent, except for the username and the id. */
function claimsOf(payload: JWTPayload): Claims {
  const { preferred_username: username } = payload
  if (username === undefined || username === null) {
    throw new InvalidToken('JWT must include a preferred_username or username claim!')
  }
  if (!isUsername(username)) throw new InvalidToken('User retrieval failed.')
  return {
    username,
    userId: userIdOf(payload['user_id']),
    email: emailOf(payload),
    name: isText(payload['name']) ? payload['name'] : '',
    isStaff: payload['administrator'] === true,
    isSuperuser: payload['superuser'] === true,
  }
}

/** A wrong id may be that of somebody else, so it is not passed over (run §3). */
function userIdOf(value: unknown): number | null {
  if (value === undefined) return null
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= MAX_USER_ID) return value
  throw new InvalidToken('User retrieval failed.')
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && isStorableText(value)
}

function isUsername(value: unknown): value is string {
  return isText(value) && value !== '' && [...value].length <= MAX_USERNAME_LENGTH && !MISLEADING.test(value)
}

/** Control characters, characters without width, and blanks at the ends: two names would look the same (rest-v1 D22). */
const MISLEADING = /^\s|\s$|[\p{Cc}\p{Default_Ignorable_Code_Point}\u2028\u2029\uFFF9-\uFFFB]/u

/** `email_verified` is true or absent, or the address is nobody's (rest-v1 D22). */
function emailOf({ email, email_verified: isVerified = true }: JWTPayload): string | null {
  if (!isText(email) || isVerified !== true) return null
  const trimmed = email.trim()
  return EMAIL.test(trimmed) && [...trimmed].length <= MAX_EMAIL_LENGTH ? trimmed : null
}

// As loose as the import's.
const EMAIL = /^[^\s@]+@[^\s@]+$/
