import type { TrackedPage } from '../tracked.ts'
import { isAfter, positionOf, type FeedPosition } from './cursor.ts'
import type { EnrollmentEvent } from './event.ts'

/** The events of the feed that were read last, in numbered pages. A page is one object for all who read it. */
export interface Ring {
  /**
   * Adds what comes next in the feed.
   *
   * @param cursor continues after the events, and after those that nobody is shown.
   */
  push(events: readonly EnrollmentEvent[], cursor: string): void
  /** Up to where the feed is in it, or the place where it began. */
  tip(): FeedPosition
  /** The number of the first page with events after a position; null: some of these are not in it any more. */
  find(position: FeedPosition): number | null
  /** Undefined: it is not there yet; null: not any more. */
  page(number: number): TrackedPage<EnrollmentEvent> | undefined | null
}

/** The most events that are kept: some ten megabytes. */
const MAX_EVENTS = 10_000

/** @param begin the place before its first event. */
export function createRing(begin: FeedPosition, maxEvents = MAX_EVENTS): Ring {
  const pages: TrackedPage<EnrollmentEvent>[] = []
  let [start, tip] = [begin, begin]
  let dropped = 0
  let size = 0

  function dropOldest(): void {
    for (let [oldest] = pages; oldest !== undefined && size - oldest.items.length >= maxEvents; [oldest] = pages) {
      pages.shift()
      dropped += 1
      size -= oldest.items.length
      start = positionOf(oldest.id)
    }
  }

  return {
    push(events, id) {
      tip = positionOf(id)
      if (events.length === 0) return
      const items = events.map((event) => ({ id: event.cursor, data: event }))
      pages.push({ items, id })
      size += items.length
      dropOldest()
    },
    tip: () => tip,
    find(position) {
      if (isAfter(start, position)) return null
      let [low, high] = [0, pages.length]
      while (low < high) {
        const middle = (low + high) >> 1
        const page = pages[middle]
        if (page !== undefined && isAfter(positionOf(page.id), position)) high = middle
        else low = middle + 1
      }
      return dropped + low
    },
    page: (number) => (number < dropped ? null : pages[number - dropped]),
  }
}
