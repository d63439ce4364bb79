/** How long what was read of a token is believed, in milliseconds (adoption.md §4). */
export const KNOWN_MS = 30_000

/** The same for one that was unknown: it may just have been given out. */
export const UNKNOWN_MS = 2_000

/** So many tokens are remembered of each kind; the oldest are forgotten. */
const MAX_REMEMBERED = 10_000

/** Finds something by its digest, or reads it. */
export type Recall<T> = (digest: string, read: () => Promise<T | undefined>) => Promise<T | undefined>

/**
 * Makes a memory of what was read a moment ago. Those who ask for one thing at the same time wait for one reading of it. Whoever
 * asks for much that is not there drives nothing out that is.
 *
 * @param clock milliseconds that only go on.
 */
export function openMemory<T>(clock: () => number = () => performance.now()): Recall<T> {
  const known = new Map<string, Remembered<T>>()
  const unknown = new Map<string, Remembered<undefined>>()
  const reading = new Map<string, Promise<T | undefined>>()
  return (digest, read) => {
    const found = fresh(known, digest, clock()) ?? fresh(unknown, digest, clock())
    if (found !== undefined) return Promise.resolve(found.value)
    const running = reading.get(digest)
    if (running !== undefined) return running
    // What is read is as old as the question.
    const asked = clock()
    const answer = read()
      .then((value) => {
        if (value === undefined) remember(unknown, digest, { value, until: asked + UNKNOWN_MS })
        else remember(known, digest, { value, until: asked + KNOWN_MS })
        return value
      })
      .finally(() => reading.delete(digest))
    reading.set(digest, answer)
    return answer
  }
}

interface Remembered<T> {
  readonly value: T
  readonly until: number
}

function fresh<T>(memory: Map<string, Remembered<T>>, digest: string, now: number): Remembered<T> | undefined {
  const found = memory.get(digest)
  if (found === undefined || now < found.until) return found
  memory.delete(digest)
  return undefined
}

function remember<T>(memory: Map<string, Remembered<T>>, digest: string, value: Remembered<T>): void {
  memory.set(digest, value)
  const [oldest] = memory.keys()
  if (memory.size > MAX_REMEMBERED && oldest !== undefined) memory.delete(oldest)
}
