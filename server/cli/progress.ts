import yoctoSpinner from 'yocto-spinner'
import type { ImportProgress } from '../../core/import-export/import.ts'
import type { Session } from './session.ts'
import { cut, number } from './table.ts'

const WIDTH = 24
const REFRESH_MS = 100

export interface ProgressBar extends Disposable {
  readonly update: (progress: ImportProgress) => void
}

/**
 * Shows how far an import is, on the error stream and only where that is a terminal. Disposing of it clears the line.
 *
 * @param totalBytes of the file; null when nobody knows, as of standard input.
 */
export function showProgress({ stderr }: Session, totalBytes: number | null): ProgressBar {
  if (stderr.isTTY !== true) return { update() {}, [Symbol.dispose]() {} }
  const started = performance.now()
  const spinner = yoctoSpinner({ stream: stderr, handleSignals: false, text: 'Importing' }).start()
  let shown = 0
  return {
    update(progress) {
      const now = performance.now()
      if (now - shown < REFRESH_MS) return
      shown = now
      spinner.text = cut(describe(progress, totalBytes, (now - started) / 1000), widthBeside(stderr))
    },
    [Symbol.dispose]: () => void spinner.stop(),
  }
}

/** `Importing ██████░░░░░░ 52 %  520,000 lines, 3 bad  41,000 lines/s  11 s left` */
export function describe({ bytes, lines, failed }: ImportProgress, totalBytes: number | null, seconds: number): string {
  const parts = [`${number(lines)} lines${failed === 0 ? '' : `, ${number(failed)} bad`}`]
  if (seconds > 0) parts.push(`${number(lines / seconds)} lines/s`)
  if (totalBytes === null || totalBytes === 0) return ['Importing', ...parts].join('  ')
  const done = Math.min(bytes / totalBytes, 1)
  const left = done === 0 ? [] : [`${number((seconds / done) * (1 - done))} s left`]
  return [`Importing ${bar(done)} ${Math.floor(done * 100)} %`, ...parts, ...left].join('  ')
}

/** Columns beside a spinner, and before the `^C` by which a terminal shows Ctrl-C: what goes on in a second line is not cleared. */
export function widthBeside({ columns }: { readonly columns?: number | undefined }): number {
  return columns === undefined ? Infinity : columns - 5
}

/** `██████░░░░░░`, by the share that is done, from 0 to 1. */
export function bar(share: number): string {
  const filled = Math.round(share * WIDTH)
  return '█'.repeat(filled) + '░'.repeat(WIDTH - filled)
}
