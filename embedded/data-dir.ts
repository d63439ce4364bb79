import { access, constants, mkdir, realpath } from 'node:fs/promises'

/** The data directory cannot be used; the message names it and its setting. */
export class DataDirError extends Error {
  override readonly name = 'DataDirError'
}

/**
 * Makes the data directory, for this user alone, where there is none.
 *
 * @returns its canonical path.
 * @throws {DataDirError} when it cannot be made or written to.
 */
export function openDataDir(dataDir: string): Promise<string> {
  return orDataDirError(dataDir, async () => {
    await mkdir(dataDir, { recursive: true, mode: 0o700 })
    await access(dataDir, constants.R_OK | constants.W_OK | constants.X_OK)
    return realpath(dataDir)
  })
}

/** Does something with files of the data directory; what the file system refuses is told with the name of the setting. */
export async function orDataDirError<T>(dataDir: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (!(cause instanceof Error && 'syscall' in cause && 'code' in cause)) throw cause
    const path = 'path' in cause && cause.path !== dataDir ? ` at ${String(cause.path)}` : ''
    const why = `${String(cause.code)}${path}`
    throw new DataDirError(
      `The data directory ${dataDir} cannot be used (${why}): set DATA_DIR to a directory that this user may write to.`,
      { cause },
    )
  }
}
