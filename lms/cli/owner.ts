import { InvalidArgumentError, type Command } from 'commander'
import { parseCourseKey } from '../../core/course/key.ts'
import type { Owner } from '../../core/course/owner.ts'
import type { Database } from '../../core/database/open.ts'
import { CommandError } from '../../server/cli/failure.ts'
import { withDatabase, type Session } from '../../server/cli/session.ts'
import { write } from '../../server/cli/streams.ts'
import { duration } from '../../server/setting-formats.ts'
import { changeAsAgreed, type AgreedChange } from '../owner/change.ts'
import type { OpenComparison } from '../owner/open-comparison.ts'
import { listOwners } from '../owner/list.ts'
import { inWords, waitingInWords } from './owner-words.ts'

interface Options {
  readonly all?: boolean
  /** Milliseconds; true: as long as it takes. */
  readonly wait?: number | true
  readonly withoutComparing?: boolean
  readonly json?: boolean
}

/** `lms owner`: who writes the enrollments of course runs (adoption.md §3). */
export function addOwner(lms: Command, session: Session, openComparison: OpenComparison | null): void {
  const command = lms.command('owner')
  command
    .summary('say who writes the enrollments of course runs: this service or the LMS')
    .description(
      `Without an owner it lists course runs with their owners and numbers of enrollments. With one it changes the owner of a
course run, as soon as both sides have the same enrollments: "here", this service writes and the LMS is kept in step; "lms",
this service follows the LMS, and refuses changes or forwards them. The LMS is read at LMS_DATABASE_URL.`,
    )
    .argument('[course]', 'key of the course run')
    .argument('[owner]', 'here or lms')
    .option('--all', 'all course runs; those on which both sides agree are changed')
    .option('--wait [duration]', 'try again until they agree, e.g. for 30s or 10m', durationOf)
    .option('--without-comparing', 'change the owner although nobody knows whether both sides agree')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
It ends with 0 when every course run has the owner, 1 when the sides differ or somebody was still writing, 2 when it was used
wrongly or cannot run. With 1 the course runs that are named have the owner that they had.

Examples:
  $ npm run cli -- lms owner
  $ npm run cli -- lms owner course-v1:edX+DemoX+2026 here
  $ npm run cli -- lms owner course-v1:edX+DemoX+2026 here --wait 10m
  $ npm run cli -- lms owner --all lms --json`,
    )
    .action(async (first: string | undefined, second: string | undefined, options: Options) => {
      const { keys, to } = whichAndWhere(command, first, second, options)
      if (to === null) await list(session, keys, options)
      else await change(session, { keys, to, options, openComparison })
    })
}

function whichAndWhere(
  command: Command,
  first: string | undefined,
  second: string | undefined,
  { all = false, wait, withoutComparing }: Options,
): { keys: readonly string[] | 'all'; to: Owner | null } {
  const [course, owner] = all ? [undefined, first] : [first, second]
  if (all && second !== undefined) command.error('error: --all stands in place of a course run')
  if (owner !== undefined && owner !== 'here' && owner !== 'lms') {
    command.error(`error: the owner is here or lms, not '${owner}'`)
  }
  if (owner === undefined && (wait !== undefined || withoutComparing)) command.error('error: which owner? here or lms')
  const key = course === undefined ? null : parseCourseKey(course)
  if (course !== undefined && key === null) command.error(`error: '${course}' is not a course key`)
  return { keys: key === null ? 'all' : [key.stored], to: owner ?? null }
}

async function list(session: Session, keys: readonly string[] | 'all', { json = false }: Options): Promise<void> {
  const runs = await withDatabase(session, (db) => listExisting(db, keys), 'read')
  const count = (owner: string) => runs.filter((run) => run.owner === owner).length
  const counts = { here: count('here'), lms: count('lms'), leaving: count('leaving') }
  await write(session.stdout, json ? `${JSON.stringify({ counts, courseRuns: runs })}\n` : inWords.list(runs, counts))
}

async function listExisting(db: Database, keys: readonly string[] | 'all') {
  const runs = await listOwners(db, keys)
  if (keys !== 'all' && runs.length === 0) throw new CommandError(`No course run has the key '${keys.join()}'.`)
  return runs
}

interface Change {
  readonly keys: readonly string[] | 'all'
  readonly to: Owner
  readonly options: Options
  readonly openComparison: OpenComparison | null
}

async function change(session: Session, { keys, to, options, openComparison }: Change): Promise<void> {
  const { json = false, wait = 0 } = options
  const open = options.withoutComparing ? null : comparisonOf(session, openComparison)
  const done = await withDatabase(session, async (db) => {
    if (keys !== 'all') await listExisting(db, keys)
    await using comparison = open === null ? null : await open(db)
    return await changeAsAgreed(db, keys, to, {
      differencesOf: comparison?.differencesOf ?? null,
      waitMs: wait === true ? Infinity : wait,
      onWaiting: (state) => session.stderr.write(waitingInWords(state)),
    })
  })
  if (!isDone(done)) session.exitCode = 1
  await write(session.stdout, json ? `${JSON.stringify({ owner: to, ...done })}\n` : inWords.changed(done, to))
}

function isDone({ differences, late, inUse }: AgreedChange): boolean {
  return differences.length === 0 && late.length === 0 && inUse === null
}

function comparisonOf(session: Session, openComparison: OpenComparison | null) {
  const url = session.config().lms.databaseUrl
  if (url === undefined || openComparison === null) {
    throw new CommandError(
      'Whether both sides agree is not known: set LMS_DATABASE_URL, or say --without-comparing where there is no LMS any more.',
    )
  }
  return (db: Database) => openComparison(db, url)
}

function durationOf(value: string): number {
  const { success, data, error } = duration(1, 86_400_000).safeParse(value)
  if (!success) throw new InvalidArgumentError(error.issues[0]?.message ?? '')
  return data
}
