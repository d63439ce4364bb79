import { setTimeout as sleep } from 'node:timers/promises'

export interface Pace {
  /** Worked on at the same time. */
  readonly concurrency: number
  /** Begun in a second, at most. */
  readonly perSecond: number
}

/** Works through items as they come, so many at a time and no faster than asked for; ends when all are done, or one fails. */
export async function forEachPaced<T>(
  items: AsyncIterable<T>,
  { concurrency, perSecond }: Pace,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const iterator = items[Symbol.asyncIterator]()
  const intervalMs = 1_000 / perSecond
  let free = performance.now()
  let isBroken = false
  const worker = async () => {
    for (;;) {
      const { value, done } = await iterator.next()
      if (done === true || isBroken) return
      const now = performance.now()
      const start = Math.max(free, now)
      free = start + intervalMs
      if (start > now) await sleep(start - now)
      await work(value)
    }
  }
  try {
    await Promise.all(
      Array.from({ length: concurrency }, () =>
        worker().catch((error: unknown) => {
          isBroken = true
          throw error
        }),
      ),
    )
  } finally {
    await iterator.return?.()
  }
}
