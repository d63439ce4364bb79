/** An element of a {@link LinkedList}: it knows its neighbours as long as it is in the list. */
export interface Linked<T> {
  previous: T | undefined
  next: T | undefined
}

/** Elements in the order in which they were added. */
export interface LinkedList<T> {
  readonly first: T | undefined
  readonly size: number
  /** @param element is in no list. */
  add(element: T): void
  /** @returns whether it was in the list. */
  remove(element: T): boolean
}

/**
 * Makes an empty list for elements that come and go all the time. A `Set` would do the same, but each of its tables refers to
 * the one that follows it: once an old one has outlived young collections, everything that is in the newer ones does too,
 * long after it has left the set.
 */
export function linkedList<T extends Linked<T>>(): LinkedList<T> {
  let first: T | undefined
  let last: T | undefined
  let size = 0
  return {
    get first() {
      return first
    },
    get size() {
      return size
    },
    add(element) {
      element.previous = last
      if (last === undefined) first = element
      else last.next = element
      last = element
      size += 1
    },
    remove(element) {
      const { previous, next } = element
      if (previous === undefined && first !== element) return false
      if (previous === undefined) first = next
      else previous.next = next
      if (next === undefined) last = previous
      else next.previous = previous
      // What has left leads nowhere, for the same reason.
      element.previous = undefined
      element.next = undefined
      size -= 1
      return true
    },
  }
}
