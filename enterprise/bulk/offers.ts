import { defaultPolicy, type Caller, type CourseOffer, type Policy } from '../../routers/index.ts'

/** The most that `course.getMany` takes. */
const MAX_KEYS = 1000

/** What course runs offer now, by their keys as they were asked for; null: no course run has the key. */
export type Offers = ReadonlyMap<string, CourseOffer | null>

/** Reads what course runs offer now. */
export async function readOffers(caller: Caller, courseIds: readonly string[]): Promise<Offers> {
  const distinct = [...new Set(courseIds)]
  const offers = new Map<string, CourseOffer | null>()
  for (let start = 0; start < distinct.length; start += MAX_KEYS) {
    const keys = distinct.slice(start, start + MAX_KEYS)
    const found = await caller.course.getMany({ courseIds: keys })
    for (const [index, key] of keys.entries()) offers.set(key, found[index] ?? null)
  }
  return offers
}

/** Customers buy the best mode there is: the first of these that a course run offers. */
const RANKING = ['verified', 'professional', 'no-id-professional', 'audit', 'honor', 'unpaid-executive-education']

/** The best mode that a course run offers now, otherwise the default mode of the site (enterprise C.2 stage 1). */
export function bestMode(offer: CourseOffer | null, policy: Policy = defaultPolicy): string {
  const slugs = new Set(offer?.modes.map(({ slug }) => slug))
  return RANKING.find((slug) => slugs.has(slug)) ?? policy.defaultMode
}
