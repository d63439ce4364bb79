import type { Kysely } from 'kysely'
import { createThrottle } from '../../../core/access/throttle/throttle.ts'
import type { DB } from '../../../core/database/schema.ts'
import type { RateLimits } from '../../config-parts.ts'
import { detail, Refusal } from '../django/response.ts'
import type { Rights } from '../auth/rights.ts'
import { networkOf } from './client-address.ts'

/**
 * Which routes count their requests (rest-v1 §2.1): none of them, those of the others as the setting says, or always.
 */
export type Throttling = 'never' | 'switchable' | 'always'

export interface CountedRequest {
  readonly rights: Rights
  /** Where whoever is not signed in comes from; null: nobody knows. */
  readonly address: () => string | null
  readonly throttling: Throttling
}

/** Lets a request pass, or throws {@link Refusal} 429. */
export type ThrottleCheck = (request: CountedRequest) => Promise<void>

/**
 * Makes the limit of the enterprise API, for whoever is neither global staff nor has the API key: services sign in as staff
 * there, and its other callers are the admins of customers. Its buckets are its own.
 */
export function openEnterpriseThrottleCheck(db: Kysely<DB>, limits: RateLimits): ThrottleCheck {
  const throttle = createThrottle(db)
  return async ({ rights, address }) => {
    if (!limits.on || rights.hasApiKey || rights.isGlobalStaff || rights.isSuperuser) return
    const seconds = await throttle.take(`enterprise${bucketOf(rights, address)}`, limits.enterprise)
    if (seconds !== null) throw tooMany(seconds)
  }
}

/** Makes the limits of rest-v1 §2.4. Whoever has the API key is never counted. */
export function openThrottleCheck(db: Kysely<DB>, limits: RateLimits): ThrottleCheck {
  const throttle = createThrottle(db)
  return async ({ rights, address, throttling }) => {
    if (rights.hasApiKey || throttling === 'never' || (throttling === 'switchable' && !limits.on)) return
    const scope = rights.isGlobalStaff || rights.isSuperuser ? 'staff' : 'user'
    const seconds = await throttle.take(`${scope}${bucketOf(rights, address)}`, limits[scope])
    if (seconds !== null) throw tooMany(seconds)
  }
}

/** Accounts and networks never share a bucket. All who come from nowhere share one. */
function bucketOf({ account }: Rights, address: CountedRequest['address']): string {
  if (account !== null) return `:${account.id}`
  const from = address()
  return `@${from === null ? '' : networkOf(from)}`
}

function tooMany(seconds: number): Refusal {
  const wait = `${seconds} ${seconds === 1 ? 'second' : 'seconds'}`
  const headers = { 'retry-after': String(seconds) }
  return new Refusal(detail(429, `Request was throttled. Expected available in ${wait}.`, headers))
}
