import type { Command } from 'commander'
import { resultCsv } from '../../../core/bulk/csv/result-file.ts'
import { resultColumnsOf, resultLineOf } from '../../../core/bulk/result-lines.ts'
import type { BulkResult } from '../../../core/bulk/job.ts'
import { bulkResult, resultPages, type LineResult } from '../../../core/bulk/results.ts'
import { readJobRow, type JobRow } from '../../../core/bulk/row.ts'
import type { Database } from '../../../core/database/open.ts'
import { withCaller } from '../caller.ts'
import { stateOf } from '../enrollment-lines.ts'
import { intoFile } from '../files.ts'
import { collected, positiveNumber } from '../option-values.ts'
import type { Session } from '../session.ts'
import { write, type Output } from '../streams.ts'
import { number, tableOf, type Column } from '../table.ts'
import { jobIdNamed } from './job-id.ts'

interface Options {
  readonly onlyFailed?: boolean
  readonly code?: string[]
  readonly limit?: number
  readonly output?: string
  readonly json?: boolean
}

/** `bulk results`: what became of each line (bulk.md §5). */
export function addResults(group: Command, session: Session): void {
  group
    .command('results')
    .summary('show what became of each line')
    .description(
      `Shows what became of each line, in their order: on a terminal the first 100, in a pipe or a file all of them as CSV, with the
columns of the file that was sent and outcome, code and message. A file of failed lines can be corrected and sent again.`,
    )
    .argument('<id>', 'of the job, the beginning of it, or "last"')
    .option('--only-failed', 'only lines that failed')
    .option('--code <code>', 'only lines with this outcome or error code; may be repeated', collected)
    .option('-n, --limit <number>', 'at most so many', positiveNumber)
    .option('-o, --output <file>', 'write CSV to a file, which is replaced when it is complete')
    .option('--json', 'print one JSON object a line: {"line", "ref", "input", "ok", "outcome", "error"}')
    .addHelpText(
      'after',
      `
Examples:
  $ npm run cli -- bulk results last --only-failed
  $ npm run cli -- bulk results last --only-failed --output failed.csv
  $ npm run --silent cli -- bulk results last --code courseFull > full.csv`,
    )
    .action((name: string, options: Options) =>
      withCaller(session, (_, db) => print(session, db, { name, options }), 'read'),
    )
}

async function print(
  session: Session,
  db: Database,
  { name, options }: { readonly name: string; readonly options: Options },
): Promise<void> {
  const { stdout, stderr } = session
  const job = await readJobRow(db, await jobIdNamed(db, name))
  if (job.ended === null) stderr.write('The job has not ended: these are the lines that are done so far.\n')
  const isTable = stdout.isTTY === true && options.json !== true && options.output === undefined
  const limit = options.limit ?? (isTable ? MOST_ROWS : Infinity)
  const pages = pagesOf(db, job, { ...options, limit })
  if (options.output !== undefined) {
    const lines = await intoFile(options.output, (put) => writeCsv(job, pages, put))
    const words =
      options.json === true
        ? JSON.stringify({ lines, output: options.output })
        : `${number(lines)} ${lines === 1 ? 'line' : 'lines'} written to ${options.output}.`
    await write(stdout, `${words}\n`)
    return
  }
  if (options.json === true) {
    for await (const page of pages)
      await write(stdout, page.map((each) => `${JSON.stringify(bulkResult(job, each))}\n`).join(''))
    return
  }
  if (!isTable) {
    await writeCsv(job, pages, (piece) => write(stdout, piece))
    return
  }
  const rows: BulkResult[] = []
  for await (const page of pages) rows.push(...page.map((each) => bulkResult(job, each)))
  await write(stdout, rows.length === 0 ? 'There are no such lines.\n' : table(stdout, rows))
  if (rows.length === limit) stderr.write('There may be more: --limit <number>, or --output <file> for all.\n')
}

/** Rows that a terminal is shown. */
const MOST_ROWS = 100

async function* pagesOf(
  db: Database,
  job: JobRow,
  { onlyFailed = false, code: codes, limit }: Options & { readonly limit: number },
): AsyncGenerator<LineResult[]> {
  let left = limit
  for await (const page of resultPages(db, job, { onlyFailed, codes })) {
    yield page.slice(0, left)
    left -= page.length
    if (left <= 0) return
  }
}

/** @returns how many lines there are. */
async function writeCsv(
  job: JobRow,
  pages: AsyncIterable<LineResult[]>,
  put: (piece: string) => Promise<void>,
): Promise<number> {
  const columns = resultColumnsOf(job)
  let lines = 0
  const rows = async function* () {
    for await (const page of pages) {
      lines += page.length
      yield page.map((result) => resultLineOf(result, columns))
    }
  }
  for await (const piece of resultCsv([...columns.added, ...columns.own], rows())) await put(piece)
  return lines
}

function table(output: Output, rows: readonly BulkResult[]): string {
  return tableOf(output, rows, RESULT)
}

const RESULT: readonly Column<BulkResult>[] = [
  { head: 'LINE', of: ({ line }) => String(line), isRight: true },
  { head: 'RESULT', of: ({ outcome, error }) => outcome?.kind ?? error?.code ?? '' },
  { head: 'WHAT', of: ({ input }) => whatOf(input) },
  {
    head: 'SAYS',
    of: ({ outcome, error }) => error?.message ?? (outcome === undefined ? '' : stateOf(outcome.enrollment)),
  },
]

/** The line as it was sent, without what is empty. */
function whatOf(input: unknown): string {
  if (typeof input !== 'object' || input === null) return ''
  return Object.values(input)
    .filter((value) => value !== '' && typeof value !== 'object')
    .join(' ')
}
