/** Returns what was read at most so many milliseconds ago; otherwise it reads anew. */
export type Snapshot<T> = (maxAgeMs: number) => Promise<T>

/**
 * Keeps what was read, for those who ask soon after. Callers who ask during a read share it; a read that failed is not kept.
 *
 * The age counts from the beginning of the read: what was committed before then has been seen.
 *
 * @param clock milliseconds of a clock that only ever goes forward.
 */
export function snapshotOf<T>(read: () => Promise<T>, clock: () => number = () => performance.now()): Snapshot<T> {
  let last: { readonly began: number; readonly found: Promise<T> } | undefined

  return (maxAgeMs) => {
    const now = clock()
    if (last !== undefined && now - last.began < maxAgeMs) return last.found
    const reading = { began: now, found: read() }
    last = reading
    reading.found.catch(() => {
      if (last === reading) last = undefined
    })
    return reading.found
  }
}
