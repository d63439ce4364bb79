/** Where items wait and leave in rounds. */
export interface Batcher<T> {
  /**
   * @param place.turn whose item it is: the rounds take from each in turn.
   * @param place.key items with the same key are never in two rounds at the same time; without one they may be.
   */
  add(item: T, place: { readonly turn: string; readonly key?: string }): void
}

export interface BatcherOptions<T> {
  readonly batchSize: number
  readonly maxConcurrent: number
  /** Carries out one round; never rejects. */
  readonly run: (items: readonly T[]) => Promise<void>
}

/** A round costs as much as some twenty items in it: few are not worth a round of their own. */
const SMALLEST_SHARE = 32

/**
 * Gathers items into rounds without a timer: an item that finds a free place starts a round when all that has arrived by
 * now has been looked at (the "check" phase of the event loop, which a quiet process reaches at once); the others wait
 * until a round ends and then leave together. Where several places are free they share what waits: callers who all wait
 * for one round would ask again all at once, and the other places would stay empty for ever.
 */
export function createBatcher<T>({ batchSize, maxConcurrent, run }: BatcherOptions<T>): Batcher<T> {
  /** For each key the items that wait, by whose turn it is; keys in the order in which they should be served. */
  const waiting = new Map<string, Map<string, T[]>>()
  const busyKeys = new Set<string>()
  let running = 0
  let scheduled = false

  return {
    add(item, { turn, key = '' }) {
      const turns = waiting.get(key) ?? new Map<string, T[]>()
      waiting.set(key, turns)
      const items = turns.get(turn)
      if (items) items.push(item)
      else turns.set(turn, [item])
      schedule()
    },
  }

  function schedule(): void {
    if (scheduled || running >= maxConcurrent) return
    scheduled = true
    setImmediate(() => {
      scheduled = false
      startRounds()
    })
  }

  function startRounds(): void {
    for (const [key, turns] of waiting) {
      if (running >= maxConcurrent) return
      if (key !== '' && busyKeys.has(key)) continue
      const items = takeInTurns(turns, key === '' ? shareOf(turns) : batchSize)
      waiting.delete(key)
      if (turns.size > 0) waiting.set(key, turns)
      void runOne(key, items)
    }
  }

  function shareOf(turns: ReadonlyMap<string, readonly T[]>): number {
    const waits = [...turns.values()].reduce((count, items) => count + items.length, 0)
    return Math.min(batchSize, Math.max(SMALLEST_SHARE, Math.ceil(waits / (maxConcurrent - running))))
  }

  async function runOne(key: string, items: readonly T[]): Promise<void> {
    running += 1
    if (key !== '') busyKeys.add(key)
    try {
      await run(items)
    } finally {
      running -= 1
      busyKeys.delete(key)
      if (waiting.size > 0) schedule()
    }
  }
}

/** Takes at most `size` items, one from each in turn; those who were served go to the end of the line. */
function takeInTurns<T>(turns: Map<string, T[]>, size: number): T[] {
  const taken: T[] = []
  while (taken.length < size && turns.size > 0) {
    const share = Math.max(1, Math.floor((size - taken.length) / turns.size))
    for (const [turn, items] of [...turns]) {
      taken.push(...items.splice(0, Math.min(share, size - taken.length)))
      turns.delete(turn)
      if (items.length > 0) turns.set(turn, items)
      if (taken.length >= size) break
    }
  }
  return taken
}
