import { closeSync, openSync, writeSync } from 'node:fs'
import { fileError } from '../../server/cli/files.ts'
import type { Session } from '../../server/cli/session.ts'
import type { Remark } from '../import/report.ts'

/** Where the lines of a report go. */
export interface ReportFile<Line> extends AsyncDisposable {
  readonly add: (line: Line) => void
}

const BUFFER = 65_536

/**
 * Opens a report of rows: NDJSON in a file; or, without a file, a line each on the error stream.
 *
 * @throws {CommandError} when the file cannot be written.
 */
export async function openReport(session: Session, path: string | undefined): Promise<ReportFile<Remark>> {
  if (path !== undefined) return openReportFile<Remark>(path)
  return {
    add: ({ table, primaryKey, what, why }) => {
      session.stderr.write(`${table} ${primaryKey}: ${what === 'bent' ? '' : 'left aside: '}${why}\n`)
    },
    [Symbol.asyncDispose]: async () => {},
  }
}

/**
 * Opens a file of NDJSON that only its owner may read, as it names people. Nothing is kept in memory.
 *
 * @throws {CommandError} when the file cannot be written.
 */
export function openReportFile<Line extends object>(path: string): ReportFile<Line> {
  const attempt = <T>(work: () => T): T => {
    try {
      return work()
    } catch (error) {
      throw fileError('write', `'${path}'`, error)
    }
  }
  const file = attempt(() => openSync(path, 'w', 0o600))
  let waiting = ''
  const flush = () => {
    attempt(() => writeSync(file, waiting))
    waiting = ''
  }
  return {
    add(line) {
      waiting += `${JSON.stringify(line)}\n`
      if (waiting.length > BUFFER) flush()
    },
    async [Symbol.asyncDispose]() {
      flush()
      closeSync(file)
    },
  }
}
