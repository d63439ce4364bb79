import yoctoSpinner from 'yocto-spinner'
import type { ImportProgress } from '../../core/import-export/import.ts'
import type { Session } from './session.ts'

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
      spinner.text = describe(progress, totalBytes, (now - started) / 1000)
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
  const filled = Math.round(done * WIDTH)
  const bar = '█'.repeat(filled) + '░'.repeat(WIDTH - filled)
  const left = done === 0 ? [] : [`${number((seconds / done) * (1 - done))} s left`]
  return [`Importing ${bar} ${Math.floor(done * 100)} %`, ...parts, ...left].join('  ')
}

function number(value: number): string {
  return Math.round(value).toLocaleString('en')
}
