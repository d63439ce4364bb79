import type { BatchItem } from './command.ts'

/** The pairs of learner and course run whose enrollment somebody holds at the moment, as far as calls have noticed. */
export interface HeldPairs {
  has(item: BatchItem): boolean
  /** @returns what ends it. */
  hold(item: BatchItem): () => void
}

export function createHeldPairs(): HeldPairs {
  const holds = new Map<string, number>()
  return {
    has: (item) => holds.size > 0 && holds.has(pairKey(item)),
    hold(item) {
      const key = pairKey(item)
      holds.set(key, (holds.get(key) ?? 0) + 1)
      return () => {
        const left = (holds.get(key) ?? 0) - 1
        if (left > 0) holds.set(key, left)
        else holds.delete(key)
      }
    },
  }
}

/** The same for commands that name learner and course run in the same way. */
export function pairKey({ command }: BatchItem): string {
  return JSON.stringify([command.learner, command.courseId])
}
