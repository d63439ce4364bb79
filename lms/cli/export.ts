import type { Command } from 'commander'
import { isFeedCursor, positionOf } from '../../core/event/cursor.ts'
import { CommandError } from '../../server/cli/failure.ts'
import { withDatabase, type Session } from '../../server/cli/session.ts'
import { write } from '../../server/cli/streams.ts'
import { exportToLms, isListed, type ExportCounts, type ExportVerdict, type ListedPair } from '../export/export.ts'

interface Options {
  readonly to: string
  readonly since?: string
  readonly dryRun?: boolean
  readonly json?: boolean
}

/** `lms export`: writes back into the LMS what was changed here (adoption.md §6). */
export function addExport(lms: Command, session: Session): void {
  lms
    .command('export')
    .summary('write back into the LMS what was changed here')
    .description(
      `Writes enrollments back into the database of an LMS, or into a file of SQL for it: mode, activity, the instant at which
they were made and attributes, each with a row of history. Nothing else is touched, and nothing is sent to anybody. A second
run does nothing. Pairs that are not written are listed, those of accounts without an id of the LMS first.`,
    )
    .requiredOption('--to <where>', 'mysql://user:password@host:3306/edxapp, or a file of SQL, which is replaced')
    .option(
      '--since <cursor>',
      'enrollments with events behind this cursor of the feed, taken at cut-over; without it those of which it is not known that the LMS says the same',
    )
    .option('--dry-run', 'write nothing, and tell what would be')
    .option('--json', 'print one JSON object: {"dryRun", "pairs", "counts", "listed"}')
    .addHelpText(
      'after',
      `
It ends with 1 when pairs were listed. Afterwards the LMS has to forget what it remembers: restart its memcached.

Examples:
  $ npm run cli -- lms export --to mysql://writer@lms.example.org/edxapp --since 1234-5678 --dry-run
  $ npm run cli -- lms export --to back.sql --since 1234-5678`,
    )
    .action((options: Options) => runExport(session, options))
}

async function runExport(session: Session, { to, since, dryRun = false, json = false }: Options): Promise<void> {
  if (since !== undefined && !isFeedCursor(since)) {
    throw new CommandError(`--since: '${since}' is not a cursor of the feed. One looks like 1234-5678.`)
  }
  const listed: ListedPair[] = []
  const counts = await withDatabase(session, async (db) => {
    const { isMysqlUrl, openDatabaseDestination, openFileDestination } = await import('../export/destination.ts')
    await using destination = isMysqlUrl(to)
      ? await openDatabaseDestination(to, { dryRun })
      : await openFileDestination(db, to, { dryRun })
    const written = await exportToLms(db, {
      since: since === undefined ? null : positionOf(since),
      write: destination.write,
      keeps: isMysqlUrl(to) && !dryRun,
      async list(pair) {
        if (json) listed.push(pair)
        else await write(session.stdout, lineOf(pair))
      },
    })
    await destination.complete()
    return written
  })
  const pairs = Object.values(counts).reduce((sum, count) => sum + count, 0)
  const text = json ? `${JSON.stringify({ dryRun, pairs, counts, listed })}\n` : summaryOf(counts, pairs, dryRun)
  await write(session.stdout, text)
  if (Object.keys(counts).some((verdict) => isListed(verdict as ExportVerdict))) session.exitCode = 1 // They are its keys.
}

const WHY: Readonly<Partial<Record<ExportVerdict, string>>> = {
  noLmsId: 'the account has no id of the LMS: make it there first',
  unknownAccount: 'the LMS has no account with this id',
  unknownCourse: 'the LMS does not have the course run',
  sameInMysql: 'MySQL takes it for another pair',
  idTaken: 'another pair has its id in the LMS',
  refused: 'MySQL does not store it',
}

function lineOf({ username, courseId, why, words }: ListedPair): string {
  return `not written: ${username} in ${courseId}: ${WHY[why] ?? why}${words === undefined ? '' : ` (${words})`}\n`
}

const COUNTED: readonly [ExportVerdict, string][] = [
  ['inserted', 'new in the LMS'],
  ['updated', 'changed in the LMS'],
  ['unchanged', 'the LMS says the same'],
  ['writtenBefore', 'written before, and changed in the LMS since'],
  ['inFile', 'in the file'],
]

function summaryOf(counts: ExportCounts, pairs: number, dryRun: boolean): string {
  const known = COUNTED.flatMap(([verdict, words]) =>
    counts[verdict] === undefined ? [] : [`${words}: ${counts[verdict]}`],
  )
  const left = Object.entries(WHY).flatMap(([verdict, words]) => {
    const count = counts[verdict as ExportVerdict] // They are the keys of the table.
    return count === undefined ? [] : [`not written, ${words}: ${count}`]
  })
  return `${[`${pairs} enrollments${dryRun ? ' (dry run: nothing is written)' : ''}`, ...known, ...left].join('\n  ')}\n`
}
