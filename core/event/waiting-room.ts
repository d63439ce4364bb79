/** Where many wait for the same. */
export interface WaitingRoom {
  /** Waits until all are woken, or the signal is aborted. */
  wait(signal: AbortSignal): Promise<void>
  wakeAll(): void
  isEmpty(): boolean
}

/** Nothing is kept of one who has left. */
export function createWaitingRoom(): WaitingRoom {
  const waiting = new Set<() => void>()
  return {
    async wait(signal) {
      if (signal.aborted) return
      const { promise, resolve } = Promise.withResolvers<void>()
      const wake = () => resolve()
      waiting.add(wake)
      signal.addEventListener('abort', wake)
      await promise
      signal.removeEventListener('abort', wake)
      waiting.delete(wake)
    },
    wakeAll() {
      for (const wake of waiting) wake()
    },
    isEmpty: () => waiting.size === 0,
  }
}
