import { isStorableText } from '../../core/text.ts'
import { MAX_EMAIL_LENGTH } from '../../core/learner/email-address.ts'
import { MAX_USERNAME_LENGTH } from '../../core/learner/ref.ts'
import { InvalidToken, type Claims } from '../../server/rest/auth/jwt.ts'
import type { OpaqueTokens } from '../../server/rest/auth/opaque-tokens.ts'
import { tokenLookup } from './lookup.ts'
import { openLmsPool } from './pool.ts'
import { digestOf, tokenReader, type LmsToken, type LmsTokenHolder } from './read-tokens.ts'
import { openMemory } from './memory.ts'

/**
 * Knows the OAuth2 tokens of an LMS, by its database (adoption.md §4).
 *
 * @param clock milliseconds that only go on, for what is remembered.
 */
export function openLmsTokens(url: string, log: Parameters<typeof tokenLookup>[1], clock?: () => number): OpaqueTokens {
  const pool = openLmsPool(url)
  const lookUp = tokenLookup(tokenReader(pool), log)
  const recall = openMemory<LmsToken>(clock)
  return {
    async holderOf(token, now) {
      const found = POSSIBLE.test(token) ? await recall(digestOf(token), () => lookUp(token)) : undefined
      return claimsOf(found, now)
    },
    [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose](),
  }
}

/** What a token can consist of (RFC 6750): anything else was never given out. */
const POSSIBLE = /^[\w.~+/=-]+$/

/** The texts are those of the original. */
function claimsOf(token: LmsToken | undefined, now: Date): Claims {
  if (token === undefined) {
    const text = 'The provided access token does not match any valid tokens.'
    throw new InvalidToken(text, { code: 'token_nonexistent' })
  }
  // Written so that an instant that is none counts as over.
  if (!(token.expires > now.getTime())) {
    const text = 'The provided access token has expired and is no longer valid.'
    throw new InvalidToken(text, { code: 'token_expired', wasGivenOut: true })
  }
  if (token.holder === null) {
    const text = 'The provided access token belongs to no user.'
    throw new InvalidToken(text, { code: 'token_error', wasGivenOut: true })
  }
  return claimsOfHolder(token.holder)
}

/** What the holder may do is what the account here says; an address counts once it is confirmed (rest-v1 D22). */
function claimsOfHolder({ userId, username, email, isActive }: LmsTokenHolder): Claims {
  if (username === '' || [...username].length > MAX_USERNAME_LENGTH || !isStorableText(username)) {
    throw new InvalidToken('User retrieval failed.', { code: 'token_error', wasGivenOut: true })
  }
  const confirmed = isActive && isStorableText(email) && [...email].length <= MAX_EMAIL_LENGTH ? email : null
  return { username, userId, email: confirmed, name: '', isStaff: false, isSuperuser: false }
}
