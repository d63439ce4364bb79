import { inTurn } from '../core/database/turns.ts'
import type { Tracked, TrackedPage } from '../core/tracked.ts'

/** Pages of a subscription that has begun: whoever leaves it calls `return`, which ends its work at once. */
export type OpenPages = AsyncIterableIterator<TrackedPage<unknown>, void, void>

/** What an iterator answers that is at its end. */
export const DONE = { done: true, value: undefined } as const

/** The items of pages, one by one, however many ask for the next one at a time. */
export function itemsOf(pages: OpenPages): AsyncIterableIterator<Tracked<unknown>, void, void> {
  let items = [].values() as IterableIterator<Tracked<unknown>>
  const iterator: AsyncIterableIterator<Tracked<unknown>, void, void> = {
    next: () => inTurn(iterator, nextItem),
    async return() {
      await pages.return?.()
      return DONE
    },
    [Symbol.asyncIterator]: () => iterator,
  }
  return iterator

  async function nextItem(): Promise<IteratorResult<Tracked<unknown>, void>> {
    for (;;) {
      const { value, done } = items.next()
      if (done !== true) return { value, done: false }
      const page = await pages.next()
      if (page.done === true) return DONE
      items = page.value.items.values()
    }
  }
}
