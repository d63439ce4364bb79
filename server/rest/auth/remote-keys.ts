import { createRemoteJWKSet, customFetch, errors, type FetchImplementation, type JWSHeaderParameters } from 'jose'
import { DependencyUnavailable } from '../../unavailable.ts'

/** Finds the key of a key set that fits the header of a token; throws jose's errors for none, and for several. */
export type KeySet = (header: JWSHeaderParameters) => Promise<CryptoKey>

/** The key server does not answer, or not with keys, and nothing is known that would do without it. */
export class KeysUnavailable extends DependencyUnavailable {
  override readonly name = 'KeysUnavailable'
}

/** Milliseconds in which the key server is not asked again for a key that it did not have. */
const COOLDOWN_MS = 30_000
/** Milliseconds after which the keys are asked for again, so that one that was withdrawn does not stay for ever. */
const MAX_AGE_MS = 600_000
/** Milliseconds in which the key server has to answer. */
const TIMEOUT_MS = 5_000
/** Milliseconds in which a key server that failed is left alone. */
const REST_AFTER_FAILURE_MS = 1_000

/**
 * The key set of a key server. It is asked once however many tokens wait for it, and again for a key that it did not
 * have a while ago: that is how new keys come in. Keys that are known stay good while the key server is away.
 *
 * @returns a key set that throws {@link KeysUnavailable} too.
 */
export function remoteKeySet(url: string): KeySet {
  const keys = createRemoteJWKSet(new URL(url), {
    cooldownDuration: COOLDOWN_MS,
    // They do not go stale, because then they would be of no use without the key server: see `refresh`.
    cacheMaxAge: Infinity,
    timeoutDuration: TIMEOUT_MS,
    [customFetch]: restingAfterFailure(fetch),
  })
  let refreshed = -Infinity
  const refresh = () => {
    if (keys.jwks() === undefined || Date.now() - refreshed < MAX_AGE_MS) return
    // Nobody waits for it: until it is done, or if it fails, the keys of before are good.
    if (refreshed !== -Infinity) keys.reload().catch(() => {})
    refreshed = Date.now()
  }
  return async (header) => {
    refresh()
    try {
      return await keys(header)
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) throw error
      throw new KeysUnavailable('The key server gives no keys', { cause: error })
    }
  }
}

function restingAfterFailure(ask: typeof fetch): FetchImplementation {
  let failed = -Infinity
  return async (url, options) => {
    if (Date.now() - failed < REST_AFTER_FAILURE_MS) throw new Error('The key server failed a moment ago')
    try {
      const answer = await ask(url, options)
      if (!answer.ok) failed = Date.now()
      return answer
    } catch (error) {
      failed = Date.now()
      throw error
    }
  }
}
