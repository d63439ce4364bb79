import { isStorableText, learnerLookup } from '../../routers/extension.ts'
import type { Offers } from '../bulk/facts-offers.ts'
import type { NamedPending } from './cancel-sql.ts'

/** How a row of a request names what waits. */
export interface PendingNames {
  readonly email: string
  /** Left out: every course run that was asked for the address. */
  readonly courseId?: string | undefined
}

/**
 * What a row names, in the form in which it is stored; nothing where that cannot be stored. Pure.
 *
 * @param index the place of the row in its request.
 */
export function namedPendingOf(
  { email: address, courseId }: PendingNames,
  index: number,
  offers: Offers,
): NamedPending[] {
  const { email } = learnerLookup({ email: address })
  if (email === null) return []
  if (courseId === undefined) return [{ index, email, courseKey: null }]
  // As a course run has the key, and as it was sent while there was no such course run.
  const courseKeys = new Set([offers.get(courseId)?.courseId ?? courseId, courseId])
  return [...courseKeys].filter(isStorableText).map((courseKey) => ({ index, email, courseKey }))
}
