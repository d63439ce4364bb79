import type { Readable, Writable } from 'node:stream'
import { fileError } from './files.ts'

/** Where a command reads and writes: a process, or what stands for it. */
export interface Streams {
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable & { readonly isTTY?: boolean }
}

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
