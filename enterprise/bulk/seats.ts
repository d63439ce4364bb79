import type { Caller } from '../../routers/index.ts'
import { readOffers, type Offers } from './offers.ts'
import { isEnrolled, takesSeat, type RowResult } from './result.ts'

/** The seats that are taken in course runs with a limit, by key. */
export type Seats = Map<string, number>

/** The seats as the offers tell of them. */
export function seatsOf(offers: Offers): Seats {
  return new Map(
    [...offers.values()].flatMap((offer) =>
      offer === null || offer.seatsTaken === null ? [] : [[offer.courseId, offer.seatsTaken] as const],
    ),
  )
}

/**
 * Brings the seats up to what rows have taken. Where a row may have gone over a limit they are counted again: by now the
 * house has locked the seats of its course run for this transaction.
 */
export async function countSeats(caller: Caller, seats: Seats, results: readonly RowResult[]): Promise<void> {
  const taken = results.filter(isEnrolled).filter((result) => takesSeat(result) && seats.has(result.row.courseKey))
  for (const { row } of taken) seats.set(row.courseKey, (seats.get(row.courseKey) ?? 0) + 1)
  const unchecked = taken.filter(({ outcome }) => outcome.kind === 'reactivated').map(({ row }) => row.courseKey)
  if (unchecked.length === 0) return
  for (const [key, count] of seatsOf(await readOffers(caller, unchecked))) seats.set(key, count)
}

/**
 * Finds for each row the seats that are taken once it is carried out. Pure.
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
