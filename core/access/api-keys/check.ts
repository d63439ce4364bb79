import { timingSafeEqual } from 'node:crypto'
import type { Kysely } from 'kysely'
import type { DB } from '../../database/schema.ts'
import { digestOf, readActiveDigests } from './api-keys.ts'
import { memoize } from '../memoize.ts'
import { snapshotOf } from '../snapshot.ts'

/** For so long a key that was revoked may still be accepted: keys are read from the database at most this often. */
export const KEY_LIFE_MS = 2_000

/** For so long a key that was just made may still be refused: unknown keys make the service read at most this often. */
export const UNKNOWN_KEY_LIFE_MS = 250

/** Longer than any key that is made here. Longer texts are not memoized, so that the memory stays small. */
const MAX_MEMOIZED_LENGTH = 200

/** Whether a text is an API key that is valid. */
export type ApiKeyCheck = (presented: string | undefined) => Promise<boolean>

/**
 * Makes the check of API keys: those that the deployment names, and those of the database that are not revoked (rest-v1
 * §2.1, D16). Digests are compared, all of them, in constant time; without keys nothing is ever accepted.
 *
 * A request with a key does not pay a query: see {@link KEY_LIFE_MS}. The keys of the deployment never do.
 *
 * @param clock milliseconds of a clock that only ever goes forward.
 */
export function apiKeyCheck(db: Kysely<DB>, configured: readonly string[], clock?: () => number): ApiKeyCheck {
  const named = configured.map(digestOf)
  // Clients send the same few keys all day, and a digest costs as much as all the rest of the check.
  const knownDigestOf = memoize(digestOf, 100)
  const stored = snapshotOf(() => readActiveDigests(db), clock)

  return async (presented) => {
    if (presented === undefined || presented === '') return false
    const digest = presented.length > MAX_MEMOIZED_LENGTH ? digestOf(presented) : knownDigestOf(presented)
    if (includes(named, digest)) return true
    if (includes(await stored(KEY_LIFE_MS), digest)) return true
    return includes(await stored(UNKNOWN_KEY_LIFE_MS), digest)
  }
}

/** Compares with every one, also after a match: the time tells nothing. */
function includes(digests: readonly Buffer[], digest: Buffer): boolean {
  return digests.filter((candidate) => timingSafeEqual(candidate, digest)).length > 0
}
