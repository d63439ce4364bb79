import type { Policy } from '../policy.ts'

/** A way to take a course run, with its price. */
export interface Mode {
  readonly slug: string
  readonly name: string
  /** In whole units of the currency. */
  readonly minPrice: number
  /** Comma-separated numbers, empty when there are none. */
  readonly suggestedPrices: string
  readonly currency: string
  /** ISO 8601; the last instant at which the mode is offered. */
  readonly expires: string | null
  readonly description: string | null
  readonly sku: string | null
  readonly bulkSku: string | null
}

export interface ModeFilter {
  readonly includeExpired: boolean
  /** Leaves out `credit`, which a learner cannot pick. */
  readonly onlySelectable?: boolean
}

/**
 * The modes that a course run offers (rest-v1 §1.6). Never empty: with nothing left, the site's default mode stands in.
 */
export function availableModes(modes: readonly Mode[], filter: ModeFilter, policy: Policy, now: Date): readonly Mode[] {
  const offered = modes.filter(
    (mode) =>
      (filter.includeExpired || !isExpired(mode, now)) && !(filter.onlySelectable === true && mode.slug === 'credit'),
  )
  return offered.length > 0 ? offered : [siteDefaultMode(policy)]
}

/** The mode of a request that names none: the site's default if offered, else audit, else honor, else the default anyway. */
export function defaultMode(modes: readonly Mode[], policy: Policy, now: Date): string {
  const offers = availableModes(modes, { includeExpired: false, onlySelectable: true }, policy, now)
  const isOffered = (slug: string) => offers.some((mode) => mode.slug === slug)
  return [policy.defaultMode, 'audit', 'honor'].find(isOffered) ?? policy.defaultMode
}

/** The attributes, as `namespace:name`, that an enrollment in the mode should carry. */
export function requiredAttributes(mode: string | null): readonly string[] {
  return mode === 'credit' ? ['credit:provider_id'] : []
}

function isExpired(mode: Mode, now: Date): boolean {
  return mode.expires !== null && new Date(mode.expires) < now
}

function siteDefaultMode(policy: Policy): Mode {
  const slug = policy.defaultMode
  return {
    slug,
    name: slug.charAt(0).toUpperCase() + slug.slice(1),
    minPrice: 0,
    suggestedPrices: '',
    currency: 'usd',
    expires: null,
    description: null,
    sku: null,
    bulkSku: null,
  }
}
