import type { Readable, Writable } from 'node:stream'
import { fileError } from './files.ts'

/** Where a command reads and writes: a process, or what stands for it. */
export interface Streams {
  readonly stdin: Readable & { readonly isTTY?: boolean }
  readonly stdout: Output
  readonly stderr: Output
}

/** Where something is written: a terminal has so many columns. */
export type Output = Writable & { readonly isTTY?: boolean; readonly columns?: number }

const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const

/**
 * From now on the process ends without a word when the reader of its output goes away (`… | head`), and by itself on a
 * signal, so that what it has started can be stopped.
 */
export function endQuietly(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit()
      process.stderr.write(`${fileError('write', 'the output', error).message}\n`)
      process.exit(2)
    })
  }
  for (const [signal, code] of Object.entries(SIGNALS)) process.once(signal, () => process.exit(code))
}

/** Writes to a stream and waits where its reader is slower. */
export async function write(stream: Writable, text: string | Uint8Array): Promise<void> {
  if (stream.destroyed) throw stream.errored ?? new Error('The output is closed')
  if (stream.write(text)) return
  await new Promise<void>((resolve, reject) => {
    const done = () => {
      stream.off('drain', done).off('error', failed).off('close', done)
      resolve()
    }
    const failed = (error: Error) => {
      stream.off('drain', done).off('close', done)
      reject(error)
    }
    stream.once('drain', done).once('error', failed).once('close', done)
  })
}

/** While it lasts, Ctrl-C asks a command to stop; only a second one ends the process. */
export interface Interrupt extends Disposable {
  readonly signal: AbortSignal
}

/** What a command ends with that was told to stop, as shells have it. */
export const INTERRUPTED = SIGNALS.SIGINT

/** Milliseconds within which a second signal is the same Ctrl-C: a terminal sends it to npm as well, which hands it on. */
const SAME_MS = 500

/** Takes Ctrl-C until it is disposed of. */
export function takeInterrupt(): Interrupt {
  const others = process.rawListeners('SIGINT') as NodeJS.SignalsListener[]
  const controller = new AbortController()
  let takenAt = 0
  const taken = () => {
    if (!controller.signal.aborted) {
      takenAt = performance.now()
      controller.abort()
    } else if (performance.now() - takenAt > SAME_MS) process.exit(INTERRUPTED)
  }
  process.removeAllListeners('SIGINT').on('SIGINT', taken)
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      process.off('SIGINT', taken)
      for (const listener of others) process.on('SIGINT', listener)
    },
  }
}
