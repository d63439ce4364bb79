import { open, rename, rm, stat } from 'node:fs/promises'
import { CommandError } from './failure.ts'

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or directory',
  ENOTDIR: 'a part of its path is no directory',
  EISDIR: 'it is a directory',
  EACCES: 'you may not',
  EPERM: 'you may not',
  ENOSPC: 'the disk is full',
}

/** What a person reads when a file cannot be used. */
export function fileError(verb: 'read' | 'write', file: string, error: unknown): CommandError {
  const { code = '', message = 'for an unknown reason' } = error as { code?: string; message?: string }
  return new CommandError(`Cannot ${verb} ${file}: ${REASONS[code] ?? message}.`, { cause: error })
}

/**
 * A file takes its place only when it is whole, so that a broken export replaces no good one. Only its owner may read
 * it, because it names people. What is no file (a pipe, a device) is written to as it is.
 */
export async function intoFile<T>(
  file: string,
  work: (put: (piece: Uint8Array | string) => Promise<void>) => Promise<T>,
): Promise<T> {
  const fail = (error: unknown) => {
    throw fileError('write', `'${file}'`, error)
  }
  const isReplaced = await stat(file).then(
    (found) => found.isFile(),
    () => true,
  )
  const place = isReplaced ? `${file}.partial` : file
  const handle = await open(place, 'w', 0o600).catch(fail)
  try {
    const result = await work((piece) => handle.writeFile(piece).catch(fail))
    await handle.close()
    if (isReplaced) await rename(place, file).catch(fail)
    return result
  } catch (error) {
    await handle.close()
    if (isReplaced) await rm(place, { force: true })
    throw error
  }
}
