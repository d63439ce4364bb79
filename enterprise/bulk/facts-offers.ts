import { defaultPolicy, type Caller, type CourseOffer, type Policy } from '../../routers/index.ts'
import { isEnrolled, takesSeat, type RowResult } from './rows.ts'

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

/** The seats that are taken in course runs with a limit, by key. */
export type Seats = Map<string, number>

/** The seats that are taken according to the offers. */
export function seatsOf(offers: Offers): Seats {
  return new Map(
    [...offers.values()].flatMap((offer) =>
      offer === null || offer.seatsTaken === null ? [] : [[offer.courseId, offer.seatsTaken] as const],
    ),
  )
}

/**
 * Adds the seats that rows have taken. Where a row may have gone over a limit they are counted again: by now core has locked
 * the seats of its course run for this transaction.
 */
export async function countSeats(caller: Caller, seats: Seats, results: readonly RowResult[]): Promise<void> {
  const taken = results.filter(isEnrolled).filter((result) => takesSeat(result) && seats.has(result.row.courseKey))
  for (const { row } of taken) seats.set(row.courseKey, (seats.get(row.courseKey) ?? 0) + 1)
  const unchecked = taken.filter(({ outcome }) => outcome.kind === 'reactivated').map(({ row }) => row.courseKey)
  if (unchecked.length === 0) return
  for (const [key, count] of seatsOf(await readOffers(caller, unchecked))) seats.set(key, count)
}

/**
 * Finds for each row the seats that are taken right after it. Pure.
 *
 * @param seats those after all rows.
 * @returns one element per row, in order; null where nothing limits the seats.
 */
export function seatsAfterEach(results: readonly RowResult[], seats: ReadonlyMap<string, number>): (number | null)[] {
  const left = new Map(seats)
  const backwards = results.toReversed().map((result) => {
    const { courseKey } = result.row
    const count = left.get(courseKey)
    if (count === undefined) return null
    if (isEnrolled(result) && takesSeat(result)) left.set(courseKey, count - 1)
    return count
  })
  return backwards.toReversed()
}
