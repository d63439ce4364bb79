/** Wakes one who waits; where nobody does, the next one does not wait at all. */
export interface Alarm {
  ring(): void
  /** @returns whether it rang, in place of the time having passed or the signal having been aborted. */
  wait(milliseconds: number, signal: AbortSignal): Promise<boolean>
}

/** An alarm keeps no process alive. */
export function createAlarm(): Alarm {
  let isRinging = false
  let wake = () => {}
  return {
    ring() {
      isRinging = true
      wake()
    },
    async wait(milliseconds, signal) {
      if (!isRinging && !signal.aborted) {
        const { promise, resolve } = Promise.withResolvers<void>()
        wake = resolve
        const timer = Number.isFinite(milliseconds) ? setTimeout(resolve, milliseconds).unref() : undefined
        signal.addEventListener('abort', wake)
        await promise
        clearTimeout(timer)
        signal.removeEventListener('abort', wake)
        wake = () => {}
      }
      const hasRung = isRinging
      isRinging = false
      return hasRung
    },
  }
}
