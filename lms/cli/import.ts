import { Option, type Command } from 'commander'
import { CommandError } from '../../server/cli/failure.ts'
import { showProgress } from '../../server/cli/progress.ts'
import { withDatabase, type Session } from '../../server/cli/session.ts'
import { write } from '../../server/cli/streams.ts'
import { lineTypesOf } from '../../server/extension.ts'
import { importLms, importedTables } from '../import/import-lms.ts'
import type { ImportReport, Remark, TypeCounts } from '../import/report.ts'
import { groups, type Group } from '../import/subject.ts'
import { LmsSourceError } from '../source/failure.ts'
import { openLmsSource, type LmsSource } from '../source/source.ts'
import { openReport } from './report-file.ts'

interface Options {
  readonly from?: string
  readonly only?: string
  readonly dryRun?: boolean
  readonly report?: string
  readonly prefer: 'here' | 'lms'
  readonly json?: boolean
  readonly history: boolean
}

/** `lms import`: brings over what the database of an LMS says (adoption.md §1). */
export function addImport(lms: Command, session: Session): void {
  lms
    .command('import')
    .summary('bring over accounts, course runs, enrollments and all else from the database of an LMS')
    .description(
      `Reads the MySQL or MariaDB of an LMS as it is at one instant, and writes what it says here. What was brought over before
and says the same is left alone; what was changed here since stays, unless the LMS is preferred. An account that may only
SELECT is enough, and a replica is fine. Course runs that are new here belong to the LMS until they are taken over.`,
    )
    .option('--from <url>', 'mysql://user:password@host:3306/edxapp; LMS_DATABASE_URL unless given')
    .option('--only <list>', `with commas, of: ${groups.join(', ')}`)
    .option('--dry-run', 'write nothing; the counts are those that would be')
    .option('--report <file>', 'write each row that was bent or left aside to a file, one JSON object a line')
    .addOption(
      new Option('--prefer <side>', 'whose change wins where both have changed a row')
        .choices(['here', 'lms'])
        .default('here'),
    )
    .option('--no-history', 'leave the history of enrollments out: each begins with one event')
    .option('--json', 'print one JSON object with the counts')
    .addHelpText(
      'after',
      `
Examples:
  $ npm run cli -- lms import --from mysql://reader:secret@replica:3306/edxapp --dry-run
  $ npm run cli -- lms import --report import.ndjson
  $ npm run cli -- lms import --only users,courses

It ends with 0 when every row came over, also where some were bent, and with 1 when rows were left aside.`,
    )
    .action((options: Options) => run(session, options))
}

async function run(session: Session, options: Options): Promise<void> {
  const url = options.from ?? session.config().lms.databaseUrl
  if (url === undefined) throw new CommandError('Name the database of the LMS with --from, or in LMS_DATABASE_URL.')
  if (!/^(mysql|mariadb):\/\/.+/.test(url))
    throw new CommandError('--from is a URL such as mysql://user:password@host:3306/edxapp')
  const only = groupsIn(options.only)
  const { dryRun = false, prefer, history, json = false } = options
  await using file = await openReport(session, options.report)
  const report = countingReport(file.add)
  await forPeople(async () => {
    await using source = await openLmsSource(url, { snapshot: true })
    await checkSource(source)
    const total = await estimateRows(source)
    await withDatabase(session, async (db) => {
      using progress = showProgress(session, total)
      let rows = 0
      await importLms(db, source, {
        ...{ report, dryRun, prefer, only, history, now: new Date() },
        further: lineTypesOf(session.extensions),
        onRows(more) {
          rows += more
          progress.update({ bytes: rows, lines: rows, failed: report.leftAside() })
        },
      })
    })
  })
  if (report.leftAside() > 0) session.exitCode = 1
  if (report.hasMovedRoles()) {
    session.stderr.write('Staff roles may have been moved into openedx-authz, which is not read: see the report.\n')
  }
  const counts = Object.fromEntries(report.counts)
  await write(session.stdout, json ? `${JSON.stringify({ counts })}\n` : describe(report.counts, dryRun))
}

function groupsIn(list: string | undefined): readonly Group[] | undefined {
  if (list === undefined) return undefined
  return list.split(',').map((name) => {
    const group = groups.find((known) => known === name.trim())
    if (group === undefined) throw new CommandError(`--only: '${name}' is none of ${groups.join(', ')}.`)
    return group
  })
}

async function forPeople(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (error instanceof LmsSourceError) throw new CommandError(error.message, { cause: error })
    throw error
  }
}

async function checkSource(source: LmsSource): Promise<void> {
  if ((await source.columns('auth_user')).size > 0) return
  throw new CommandError(
    'This is not the database of an LMS, or its tables may not be read: there is no table auth_user. Grant select on it.',
  )
}

/** As MySQL guesses them: good enough for a bar. */
async function estimateRows(source: LmsSource): Promise<number> {
  const [row] = await source.query<{ rows: string | number | null }>(
    `select sum(table_rows) as \`rows\` from information_schema.tables where table_schema = database() and table_name in (?)`,
    [importedTables],
  )
  return Number(row?.rows ?? 0)
}

interface CountingReport extends ImportReport {
  readonly counts: ReadonlyMap<string, TypeCounts>
  leftAside(): number
  hasMovedRoles(): boolean
}

function countingReport(add: (remark: Remark) => void): CountingReport {
  const counts = new Map<string, TypeCounts>()
  let hasMovedRoles = false
  return {
    counts,
    leftAside: () => [...counts.values()].reduce((sum, { leftAside }) => sum + leftAside, 0),
    hasMovedRoles: () => hasMovedRoles,
    remark(remark) {
      if (remark.why.includes('openedx-authz')) hasMovedRoles = true
      add(remark)
    },
    count(type, more) {
      const known = counts.get(type) ?? { created: 0, changed: 0, unchanged: 0, leftAside: 0 }
      counts.set(type, known)
      known.created += more.created ?? 0
      known.changed += more.changed ?? 0
      known.unchanged += more.unchanged ?? 0
      known.leftAside += more.leftAside ?? 0
    },
  }
}

function describe(counts: ReadonlyMap<string, TypeCounts>, dryRun: boolean): string {
  const lines = [...counts].map(([type, { created, changed, unchanged, leftAside }]) => {
    const aside = leftAside === 0 ? '' : `, ${leftAside} left aside`
    return `${type}: ${created} created, ${changed} changed, ${unchanged} unchanged${aside}\n`
  })
  return `${lines.join('')}${dryRun ? 'Nothing was written: this was a dry run.\n' : ''}`
}
