import { Option, type Command } from 'commander'
import { CommandError } from '../../server/cli/failure.ts'
import { withDatabase, type Session } from '../../server/cli/session.ts'
import { write } from '../../server/cli/streams.ts'
import type { Database } from '../../core/database/open.ts'
import { compareCourseRuns, differencesOf, type Comparison } from '../compare/compare.ts'
import type { Difference } from '../compare/difference.ts'
import { noteRepairHere, repairHere, type RepairsHere } from '../compare/repair-here.ts'
import { noteRepairThere, repairThere, type RepairsThere } from '../compare/repair-there.ts'
import { LmsSourceError } from '../source/failure.ts'
import { openLmsSource } from '../source/source.ts'
import { openReportFile } from './report-file.ts'

interface Options {
  readonly from?: string
  readonly course?: string
  readonly report?: string
  readonly fix?: 'here' | 'there'
  readonly dryRun?: boolean
  readonly json?: boolean
}

/** `lms compare`: whether both sides say the same of enrollments (adoption.md §2). */
export function addCompare(lms: Command, session: Session): void {
  lms
    .command('compare')
    .summary('find enrollments of which the LMS says something else, and repair them')
    .description(
      `Compares the enrollments of the LMS with those here: counts and sums of each course run first, then one by one where they
differ. A pair that is inactive on one side and missing on the other agrees. With --fix here the LMS is right, and with
--fix there what is here is; what one side does not have becomes inactive on the other.`,
    )
    .option('--from <url>', 'mysql://user:password@host:3306/edxapp; LMS_DATABASE_URL unless given')
    .option('--course <key>', 'only this course run')
    .option('--report <file>', 'write each pair that differs to a file, one JSON object a line')
    .addOption(
      new Option('--fix <side>', 'repair: here, or there, which takes a user that may write').choices([
        'here',
        'there',
      ]),
    )
    .option('--dry-run', 'with --fix: repair nothing, and tell what would be')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
Examples:
  $ npm run cli -- lms compare --report differences.ndjson
  $ npm run cli -- lms compare --course course-v1:edX+DemoX+2026 --fix here --dry-run
  $ npm run cli -- lms compare --from mysql://writer@lms.example.org/edxapp --fix there

It ends with 0 when both sides agree, and with 1 when they differ; with --fix, when some differences remain.`,
    )
    .action((options: Options) => run(session, options))
}

async function run(session: Session, options: Options): Promise<void> {
  const url = options.from ?? session.config().lms.databaseUrl
  if (url === undefined) throw new CommandError('Name the database of the LMS with --from, or in LMS_DATABASE_URL.')
  if (!/^(mysql|mariadb):\/\/.+/.test(url)) {
    throw new CommandError('--from is a URL such as mysql://user:password@host:3306/edxapp')
  }
  if (options.dryRun === true && options.fix === undefined) throw new CommandError('--dry-run goes with --fix.')
  await withDatabase(session, async (db) => {
    const result = await forPeople(() => compareAndRepair(db, url, options))
    const last = result.remaining ?? result.comparison
    if (differencesOf(last) > 0) session.exitCode = 1
    await write(
      session.stdout,
      options.json === true ? `${JSON.stringify(jsonOf(result, options))}\n` : describe(result, options),
    )
  })
}

interface Result {
  readonly comparison: Comparison
  /** After a repair: of the course runs that differed. */
  readonly remaining: Comparison | null
}

async function compareAndRepair(db: Database, url: string, options: Options): Promise<Result> {
  const { course, fix, dryRun = false, report } = options
  const keys = course === undefined ? 'all' : [course]
  const here: RepairsHere = { lmsIds: [], enrollmentIds: [] }
  const there: RepairsThere = { enrollmentIds: [], rows: [] }
  const comparison = await compareOnce(db, url, keys, report, (difference) => {
    if (dryRun) return
    if (fix === 'here') noteRepairHere(here, difference)
    if (fix === 'there') noteRepairThere(there, difference)
  })
  if (course !== undefined && comparison.runs === 0 && !(await isKnown(db, course))) {
    throw new CommandError(`Neither side has a course run '${course}'.`)
  }
  if (fix === undefined || dryRun || differencesOf(comparison) === 0) return { comparison, remaining: null }
  const now = new Date()
  {
    await using source = await openLmsSource(url)
    if (fix === 'here') await repairHere(db, source, here, now)
    else {
      const { openDatabaseDestination } = await import('../export/destination.ts')
      await using destination = await openDatabaseDestination(url, { dryRun: false })
      await repairThere(db, source, destination, there, now)
    }
  }
  const differing = comparison.runsDiffering.map(({ courseId }) => courseId)
  return { comparison, remaining: await compareOnce(db, url, differing, undefined, () => {}) }
}

async function compareOnce(
  db: Database,
  url: string,
  keys: readonly string[] | 'all',
  report: string | undefined,
  onDifference: (difference: Difference) => void,
): Promise<Comparison> {
  await using file = report === undefined ? undefined : openReportFile<Difference>(report)
  await using source = await openLmsSource(url, { snapshot: true })
  if ((await source.columns('student_courseenrollment')).size === 0) {
    throw new CommandError('This is not the database of an LMS, or its tables may not be read: grant select on it.')
  }
  return await compareCourseRuns(db, source, keys, {
    onDifference(difference) {
      file?.add(difference)
      onDifference(difference)
    },
  })
}

async function isKnown(db: Database, courseKey: string): Promise<boolean> {
  const row = await db.selectFrom('courses').select('id').where('course_key', '=', courseKey).executeTakeFirst()
  return row !== undefined
}

async function forPeople<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof LmsSourceError) throw new CommandError(error.message, { cause: error })
    throw error
  }
}

function jsonOf({ comparison, remaining }: Result, { fix, dryRun = false }: Options): object {
  const repair = fix === undefined ? {} : { fix, dryRun, remaining: differencesOf(remaining ?? comparison) }
  return { ...comparison, ...repair }
}

/** Course runs that the terminal shows. */
const MOST_RUNS = 20

function describe({ comparison, remaining }: Result, { fix, dryRun = false }: Options): string {
  const { runs, enrollmentsThere, enrollmentsHere, aside, runsDiffering } = comparison
  const lines = [
    `${runs} course runs compared: ${enrollmentsThere} enrollments in the LMS, ${enrollmentsHere} here.`,
    ...runsDiffering.slice(0, MOST_RUNS).map((run) => `  ${run.courseId}: ${inWords(run)}`),
  ]
  if (runsDiffering.length > MOST_RUNS) lines.push(`  … and ${runsDiffering.length - MOST_RUNS} more course runs`)
  if (aside > 0) lines.push(`${aside} rows of the LMS were left aside when they were imported: no differences.`)
  const total = differencesOf(comparison)
  lines.push(total === 0 ? 'Both sides agree.' : `${total} differences: ${inWords(comparison)}.`)
  if (fix !== undefined && dryRun)
    lines.push(`Nothing was repaired: this was a dry run. All of them would be repaired ${fix}.`)
  if (remaining !== null) {
    const left = differencesOf(remaining)
    lines.push(
      left === 0
        ? `All were repaired ${fix}.`
        : `${total - left} were repaired ${fix}, ${left} remain: ${inWords(remaining)}.`,
    )
  }
  return `${lines.join('\n')}\n`
}

function inWords({ onlyThere, onlyHere, different }: Pick<Comparison, 'onlyThere' | 'onlyHere' | 'different'>): string {
  return `${onlyThere} only in the LMS, ${onlyHere} only here, ${different} different`
}
