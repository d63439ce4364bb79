import { DependencyUnavailable } from '../../unavailable.ts'
import type { Claims } from './jwt.ts'

/** Knows bearer tokens that are no JWT: names that somebody else has given out, and can look up (rest-v1 D9). */
export interface OpaqueTokens extends AsyncDisposable {
  /**
   * Finds out who holds a token.
   *
   * @throws {InvalidToken} with a code of rest-v1 §2.3.
   * @throws {TokensUnavailable}
   */
  holderOf(token: string, now: Date): Promise<Claims>
}

/** Nobody can tell whose a token is: where they are kept does not answer. */
export class TokensUnavailable extends DependencyUnavailable {
  override readonly name = 'TokensUnavailable'
}
