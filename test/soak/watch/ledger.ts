/** What watchers have seen: all have to see the same, in one order. */
export interface Ledger {
  /** Notes what a watcher sees next. What does not fit is a fault. */
  note(watcher: number, id: string): void
  /** How many things each watcher has seen; the fewest of all. */
  fewest(): number
  /** Compares what was seen with what there is, in its order; in words, at most ten. */
  faults(expected: readonly string[]): string[]
}

export function createLedger(watchers: number): Ledger {
  // In the order of the watcher that sees something first.
  const order: string[] = []
  const seen = Array.from({ length: watchers }, () => 0)
  const wrong: string[] = []
  return {
    note(watcher, id) {
      const place = seen[watcher] ?? 0
      seen[watcher] = place + 1
      order[place] ??= id
      if (order[place] !== id) wrong.push(`watcher ${watcher} saw ${id} where others saw ${order[place]} (${place})`)
    },
    fewest: () => Math.min(...seen),
    faults(expected) {
      const counts = seen.flatMap((count, watcher) =>
        count === expected.length ? [] : [`watcher ${watcher} saw ${count} of ${expected.length}`],
      )
      const places = expected.flatMap((id, place) =>
        order[place] === id ? [] : [`place ${place} is ${order[place]}, not ${id}`],
      )
      return [...wrong, ...counts, ...places].slice(0, 10)
    },
  }
}
