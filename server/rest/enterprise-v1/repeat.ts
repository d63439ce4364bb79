import { setTimeout as sleep } from 'node:timers/promises'
import { isUnavailable } from '../../unavailable.ts'

/**
 * Repeats work that failed for a reason that passes, because the services that call these routes never do
 * (enterprise-routes.md §2.1, §7.9).
 *
 * @param limitMs after which nothing is begun again; the last answer counts then, or the last error.
 * @param isPassing whether the same work may come to more if it is done again.
 */
export async function repeatPassing<T>(
  work: () => Promise<T>,
  limitMs: number,
  isPassing: (answer: T) => boolean,
): Promise<T> {
  const end = performance.now() + limitMs
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    const isLast = performance.now() + pauseMs >= end
    try {
      const answer = await work()
      if (isLast || !isPassing(answer)) return answer
    } catch (error) {
      if (isLast || !(error instanceof Error && isUnavailable(error))) throw error
    }
    await sleep(pauseMs * (0.5 + Math.random() / 2))
  }
}

const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 1_000
