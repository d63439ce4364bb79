import yoctoSpinner from 'yocto-spinner'
import { bar, widthBeside } from '../progress.ts'
import type { Session } from '../session.ts'
import { cut, number } from '../table.ts'

const REFRESH_MS = 100

interface UploadProgress extends Disposable {
  /** The same bytes, which are counted as they go by. */
  watch(source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>
}

/**
 * Shows how much of a file has been put up, on the error stream and only where that is a terminal.
 *
 * @param options.totalBytes of the file; null when nobody knows, as of standard input.
 */
export function showUpload(
  { stderr }: Session,
  { json, totalBytes }: { readonly json: boolean; readonly totalBytes: number | null },
): UploadProgress {
  if (json || stderr.isTTY !== true) return { watch: (source) => source, [Symbol.dispose]() {} }
  const spinner = yoctoSpinner({ stream: stderr, handleSignals: false, text: 'Putting up the file' }).start()
  return {
    async *watch(source) {
      let [bytes, shown] = [0, -Infinity]
      for await (const piece of source) {
        bytes += piece.length
        yield piece
        const now = performance.now()
        if (now - shown < REFRESH_MS) continue
        shown = now
        spinner.text = cut(describeUpload(bytes, totalBytes), widthBeside(stderr))
      }
    },
    [Symbol.dispose]: () => void spinner.stop(),
  }
}

/** `Putting up the file ██████░░░░░░ 52 %  520 of 1,000 MB` */
export function describeUpload(bytes: number, totalBytes: number | null): string {
  const megabytes = (count: number) => number(count / 1e6)
  if (totalBytes === null || totalBytes === 0) return `Putting up the file  ${megabytes(bytes)} MB`
  const share = Math.min(bytes / totalBytes, 1)
  const parts = [`${Math.floor(share * 100)} %`, `${megabytes(bytes)} of ${megabytes(totalBytes)} MB`]
  return `Putting up the file ${bar(share)} ${parts.join('  ')}`
}
