import { openLmsSource, type LmsSource } from '../source/source.ts'

/** A connection to the database of the LMS that is opened when it is needed, and again when it has failed. */
export interface LmsConnection extends AsyncDisposable {
  /** Works with the connection, one after another. */
  run<T>(work: (source: LmsSource) => Promise<T>): Promise<T>
}

/** @param timeoutMs milliseconds that the LMS may be silent. */
export function lmsConnection(url: string, timeoutMs: number): LmsConnection {
  let source: LmsSource | undefined
  let last: Promise<unknown> = Promise.resolve()
  const close = async () => {
    const closing = source
    source = undefined
    await closing?.[Symbol.asyncDispose]()
  }
  const runNow = async <T>(work: (source: LmsSource) => Promise<T>): Promise<T> => {
    source ??= await openLmsSource(url, { timeoutMs })
    try {
      return await work(source)
    } catch (error) {
      // Whatever it was: the next one begins with a connection that is known to work.
      await close()
      throw error
    }
  }
  return {
    run(work) {
      const result = last.then(() => runNow(work))
      last = result.catch(() => {})
      return result
    },
    [Symbol.asyncDispose]: close,
  }
}
