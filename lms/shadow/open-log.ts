import { open } from 'node:fs/promises'
import { fileError } from '../../server/cli/files.ts'
import type { Streams } from '../../server/cli/streams.ts'

/** A log that is read once. */
export interface Log extends AsyncDisposable {
  readonly pieces: AsyncIterable<Uint8Array>
}

/**
 * Opens a log; `-` is standard input.
 *
 * @throws {CommandError} when it cannot be read.
 */
export async function openLog({ stdin }: Streams, file: string): Promise<Log> {
  if (file === '-') return { pieces: stdin, [Symbol.asyncDispose]: async () => {} }
  const handle = await open(file).catch((error: unknown) => {
    throw fileError('read', `'${file}'`, error)
  })
  if ((await handle.stat()).isDirectory()) {
    await handle.close()
    throw fileError('read', `'${file}'`, { code: 'EISDIR' })
  }
  return { pieces: handle.createReadStream({ autoClose: false }), [Symbol.asyncDispose]: () => handle.close() }
}
