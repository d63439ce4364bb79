import { failure, type Failure } from '../errors.ts'
import type { Policy } from '../policy.ts'
import { availableModes, type Mode } from './mode.ts'

/** Why nobody gets a mode of a course run; null: it is offered. */
export function modeUnavailable(
  mode: string,
  { modes }: { readonly modes: readonly Mode[] },
  includeExpired: boolean,
  policy: Policy,
  now: Date,
): Failure | null {
  const offers = availableModes(modes, { includeExpired }, policy, now)
  if (offers.some((offered) => offered.slug === mode)) return null
  const available = offers.map((offered) => offered.slug)
  const expired = modes.some((offered) => offered.slug === mode)
  return failure('modeUnavailable', { mode, available: [...new Set(available)], expired, includeExpired })
}
