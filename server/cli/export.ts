import type { Command } from 'commander'
import type { Database } from '../../core/database/open.ts'
import { exportLines } from '../../core/import-export/export.ts'
import { lineTypesOf } from '../extension.ts'
import { intoFile } from './files.ts'
import { withDatabase, type Session } from './session.ts'
import { write } from './streams.ts'

interface Options {
  readonly output?: string
  readonly json?: boolean
  readonly history?: boolean
}

/** `export`: writes everything in the format that `import` reads. */
export function addExport(program: Command, session: Session): void {
  program
    .command('export')
    .summary('write everything in the format that import reads')
    .description(
      `Writes accounts, course runs, enrollments and all else that the import format holds, as it is at one instant. An
export imports into an empty database and exports again byte for byte.`,
    )
    .option('-o, --output <file>', 'write to a file, which is replaced when the export is complete')
    .option('--history', 'write what happened to every enrollment, and not only to those that came with their history')
    .option(
      '--json',
      'print one JSON object with the counts: after the lines on standard error, with --output on standard output',
    )
    .addHelpText(
      'after',
      `
Examples:
  $ npm run cli -- export --output backup.ndjson
  $ npm run --silent cli -- export | gzip > backup.ndjson.gz
  $ npm run --silent cli -- export | grep '"type":"course"'`,
    )
    .action((options: Options) => exportAll(session, options))
}

async function exportAll(session: Session, { output, json = false, history = false }: Options): Promise<void> {
  if (output === undefined) {
    const counts = await writeLines(session, history, (piece) => write(session.stdout, piece))
    if (json) await write(session.stderr, `${JSON.stringify(counts)}\n`)
    return
  }
  const counts = await intoFile(output, (put) => writeLines(session, history, put))
  const words = json ? JSON.stringify({ ...counts, output }) : `${counts.lines} lines written to ${output}.`
  await write(session.stdout, `${words}\n`)
}

interface Counts {
  readonly lines: number
  readonly bytes: number
}

type Put = (piece: Uint8Array) => Promise<void>

function writeLines(session: Session, history: boolean, put: Put): Promise<Counts> {
  const writeAll = async (db: Database) => {
    let lines = 0
    let bytes = 0
    for await (const text of exportLines(db, lineTypesOf(session.extensions), { history })) {
      const piece = Buffer.from(text)
      lines += text.split('\n').length - 1
      bytes += piece.length
      await put(piece)
    }
    return { lines, bytes }
  }
  return withDatabase(session, writeAll, 'read')
}
