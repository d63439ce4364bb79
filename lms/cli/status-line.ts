import type { Streams } from '../../server/cli/streams.ts'

/** A line that tells how far something is; disposing of it clears it. */
export interface StatusLine extends Disposable {
  update(text: string): void
  clear(): void
}

const REFRESH_MS = 100
const CLEAR = '\r\u001b[K'

/** Shows a line on the error stream, and only where that is a terminal. */
export function openStatusLine({ stderr }: Pick<Streams, 'stderr'>): StatusLine {
  if (stderr.isTTY !== true) return { update() {}, clear() {}, [Symbol.dispose]() {} }
  let shownAt = 0
  const clear = () => void stderr.write(CLEAR)
  return {
    update(text) {
      const now = performance.now()
      if (now - shownAt < REFRESH_MS) return
      shownAt = now
      stderr.write(CLEAR + text)
    },
    clear,
    [Symbol.dispose]: clear,
  }
}
