import { open } from 'node:fs/promises'
import type { Command } from 'commander'
import type { ImportCounts } from '../../core/import-export/counts.ts'
import { importLines } from '../../core/import-export/import.ts'
import type { LineFailure } from '../../core/import-export/group-importer.ts'
import { lineTypesOf } from '../extension.ts'
import { fileError } from './files.ts'
import { showProgress } from './progress.ts'
import { withDatabase, type Session } from './session.ts'
import { write } from './streams.ts'

interface Options {
  readonly strict?: boolean
  readonly json?: boolean
}

/** `import`: reads accounts, course runs, enrollments and more from a file. */
export function addImport(program: Command, session: Session): void {
  program
    .command('import')
    .summary('read accounts, course runs, enrollments and more from a file')
    .description(
      `Reads newline-delimited JSON, one object a line. Each line adds its row or changes it, so that the same file can be
imported again. A bad line is reported with its number and the reason, and the others are kept.`,
    )
    .argument('<file>', 'path of the file, or - for standard input')
    .option('--strict', 'keep nothing when one line is bad')
    .option('--json', `print one JSON object: the counts, and the first ${MOST_FAILURES} bad lines`)
    .addHelpText(
      'after',
      `
Examples:
  $ npm run cli -- import learners.ndjson
  $ npm run cli -- import --strict learners.ndjson
  $ zcat backup.ndjson.gz | npm run --silent cli -- import -

Lines look like these; a key with a question mark may be left out:
  {"type": "user", "id"?, "username", "email", "name"?, "isActive"?, "isStaff"?, "isSuperuser"?, "country"?,
   "yearOfBirth"?, "created"?, "isDisabled"?}
  {"type": "course", "courseId", "displayName"?, "start"?, "end"?, "enrollmentStart"?, "enrollmentEnd"?,
   "invitationOnly"?, "maxEnrollments"?, "selfPaced"?, "owner"?: "here" or "lms"}
  {"type": "mode", "courseId", "slug", "name"?, "minPrice"?, "suggestedPrices"?, "currency"?, "expires"?,
   "description"?, "sku"?, "bulkSku"?}
  {"type": "role", "username", "role", "org", "courseId"?}
  {"type": "cohort", "courseId", "name"}
  {"type": "allowance", "email", "courseId", "autoEnroll"?, "claimedBy"?, "created"?}
  {"type": "enrollment", "username", "courseId", "mode", "isActive"?, "created"?,
   "attributes"?: [{"namespace", "name", "value"}], "id"?,
   "history"?: [{"at", "mode", "isActive", "actor"?: {"kind", "name"}, "via"?, "reason"?}]}
  {"type": "cohortMember", "courseId", "cohort", "username"}
  {"type": "cohortPreassignment", "courseId", "cohort", "email"}
  {"type": "emailOptIn", "username", "org", "value", "updated"?}
  {"type": "manualEnrollment", "email", "courseId", "actor"?, "enrolled"?, "transition", "reason"?, "role"?, "created"?}
  {"type": "retirement", "username", "state", "originalUsername"?, "originalEmail"?}
  {"type": "retirementRequest", "username", "created"?}
  {"type": "embargo", "courseId", "whitelist"?, "blacklist"?, "messageKey"?}
  {"type": "embargoCountry", "country"}
  {"type": "embargoAddress", "network", "isAllowed"}
${lineTypesOf(session.extensions)
  .map(({ usage }) => `  ${usage}`)
  .join('\n')}`,
    )
    .action((file: string, options: Options) => importFile(session, file, options))
}

/** Bad lines that the JSON object lists, so that a machine may keep it in memory; standard error has all. */
const MOST_FAILURES = 1000

async function importFile(session: Session, file: string, { strict = false, json = false }: Options): Promise<void> {
  await using source = await openSource(session, file)
  const listed: LineFailure[] = []
  const counts = await withDatabase(session, async (db) => {
    using progress = showProgress(session, source.size)
    return await importLines(db, source.pieces, {
      strict,
      now: new Date(),
      actor: { kind: 'system', name: 'import' },
      further: lineTypesOf(session.extensions),
      onProgress: progress.update,
      onFailure: (failure) => {
        if (listed.length < MOST_FAILURES) listed.push(failure)
        session.stderr.write(`line ${failure.line}: ${failure.reason}\n`)
      },
    })
  })
  if (counts.failed > 0) session.exitCode = 1
  const words = json ? JSON.stringify({ ...counts, failures: listed }) : describe(counts, strict)
  await write(session.stdout, `${words}\n`)
}

interface Source extends AsyncDisposable {
  readonly pieces: AsyncIterable<Uint8Array>
  /** In bytes; null when nobody knows. */
  readonly size: number | null
}

async function openSource(session: Session, file: string): Promise<Source> {
  if (file === '-') {
    // The lines after those that failed may never come: the process does not wait for them.
    return { pieces: session.stdin, size: null, [Symbol.asyncDispose]: async () => void session.stdin.destroy() }
  }
  const handle = await open(file).catch((error: unknown) => {
    throw fileError('read', `'${file}'`, error)
  })
  const stat = await handle.stat()
  if (stat.isDirectory()) {
    await handle.close()
    throw fileError('read', `'${file}'`, { code: 'EISDIR' })
  }
  return {
    pieces: handle.createReadStream({ autoClose: false }),
    size: stat.isFile() ? stat.size : null,
    [Symbol.asyncDispose]: () => handle.close(),
  }
}

function describe({ lines, kept, failed, written }: ImportCounts, strict: boolean): string {
  const read = `${lines} ${lines === 1 ? 'line' : 'lines'}`
  if (strict && failed > 0) return `${read}, ${failed} of them bad: nothing was kept.`
  const bad = failed > 0 ? `, ${failed} bad` : ''
  return `${read}: ${kept} kept${bad}. ${written === 0 ? 'Nothing had to be changed.' : `${written} rows added or changed.`}`
}
