import type { Command } from 'commander'
import type { Database } from '../../core/database/open.ts'
import { findAccount } from '../../core/learner/account.ts'
import type { LearnerRef } from '../../core/learner/ref.ts'
import { failure } from '../../core/errors.ts'
import type { Caller } from '../../routers/caller.ts'
import { withCaller } from './caller.ts'
import { enrollmentLines, historyLines } from './enrollment-lines.ts'
import { addChange, addUnenroll } from './enrollment-write.ts'
import { limitOption, sinceOption } from './option-values.ts'
import type { Session } from './session.ts'
import { write } from './streams.ts'
import { learnerAndCourseNamed, learnerNamed, withLearner, withLearnerAndCourse, type NamedOptions } from './who.ts'

interface Options extends NamedOptions {
  readonly json?: boolean
}

/** `enrollment …`: reads enrollments, and changes one (bulk.md §5). */
export function addEnrollment(program: Command, session: Session): void {
  const command = program
    .command('enrollment')
    .summary('read enrollments, change one')
    .description('Reads enrollments and their history, and changes one. To add somebody: enroll.')
    .addHelpText(
      'after',
      `
Examples:
  $ npm run cli -- enrollment get bob course-v1:edX+DemoX+2026
  $ npm run cli -- enrollment list bob@example.com --inactive
  $ npm run cli -- enrollment history bob course-v1:edX+DemoX+2026
  $ npm run --silent cli -- enrollment search --course course-v1:edX+DemoX+2026 --mode verified --all --json
  $ npm run cli -- enrollment change bob course-v1:edX+DemoX+2026 --mode verified --reason "ticket 4711"
  $ npm run cli -- enrollment unenroll bob course-v1:edX+DemoX+2026`,
    )
  addGet(command, session)
  addList(command, session)
  addHistory(command, session)
  addSearch(command, session)
  addChange(command, session)
  addUnenroll(command, session)
}

function addGet(group: Command, session: Session): void {
  const command = withLearnerAndCourse(group.command('get'))
  command
    .summary('show one enrollment')
    .description('Shows the enrollment of a learner in a course run, active or not. Ends with 1 where there is none.')
    .option('--json', 'print one JSON object; null where there is none')
    .addHelpText('after', '\nExample:\n  $ npm run cli -- enrollment get bob course-v1:edX+DemoX+2026')
    .action(async (first: string | undefined, second: string | undefined, options: Options) => {
      const { learner, courseId } = learnerAndCourseNamed(command, first, second, options)
      await withCaller(
        session,
        async ({ enrollment }, db) => {
          const found = await enrollment.get({ ...learner, courseId })
          if (options.json === true) await write(session.stdout, `${JSON.stringify(found)}\n`)
          else if (found !== null) await write(session.stdout, enrollmentLines(session.stdout, [found]))
          if (found === null) await sayNothing(session, db, { learner, courseId })
        },
        'read',
      )
    })
}

function addList(group: Command, session: Session): void {
  const command = withLearner(group.command('list'))
  command
    .summary('list the enrollments of a learner')
    .description('Lists the enrollments of a learner, oldest first. Ends with 1 where there is no such account.')
    .option('--inactive', 'the inactive ones as well')
    .option('--json', 'print one JSON object a line')
    .addHelpText('after', '\nExample:\n  $ npm run cli -- enrollment list bob --inactive')
    .action(async (name: string | undefined, options: Options & { readonly inactive?: boolean }) => {
      const learner = learnerNamed(command, name, options)
      await withCaller(
        session,
        async ({ enrollment }, db) => {
          const found = await enrollment.list({ ...learner, includeInactive: options.inactive === true })
          await print(session, found, options.json, enrollmentLines)
          if (found.length === 0) await sayNothing(session, db, { learner })
        },
        'read',
      )
    })
}

function addHistory(group: Command, session: Session): void {
  const command = withLearnerAndCourse(group.command('history'))
  command
    .summary('list the changes of one enrollment')
    .description('Lists every change of an enrollment, oldest first: when, what, who, by which way and why.')
    .option('--json', 'print one JSON object a line')
    .addHelpText('after', '\nExample:\n  $ npm run cli -- enrollment history bob course-v1:edX+DemoX+2026')
    .action(async (first: string | undefined, second: string | undefined, options: Options) => {
      const { learner, courseId } = learnerAndCourseNamed(command, first, second, options)
      await withCaller(
        session,
        async ({ enrollment }, db) => {
          const found = await enrollment.history({ ...learner, courseId })
          await print(session, found, options.json, historyLines)
          if (found.length === 0) await sayNothing(session, db, { learner, courseId })
        },
        'read',
      )
    })
}

interface SearchOptions {
  readonly course?: string[]
  readonly user?: string[]
  readonly email?: string[]
  readonly mode?: string[]
  readonly active?: boolean
  readonly inactive?: boolean
  readonly changedSince?: string
  readonly limit: number
  readonly all?: boolean
  readonly json?: boolean
}

function addSearch(group: Command, session: Session): void {
  group
    .command('search')
    .summary('find enrollments')
    .description('Finds enrollments, newest first. What is given has to fit together; nothing given finds all.')
    .option('--course <key...>', 'in one of these course runs')
    .option('--user <username...>', 'of one of these learners')
    .option('--email <address...>', 'of one of these learners')
    .option('--mode <slug...>', 'in one of these modes')
    .option('--active', 'only active ones')
    .option('--inactive', 'only inactive ones')
    .addOption(sinceOption('--changed-since <when>', 'changed since then'))
    .addOption(limitOption(100))
    .option('--all', 'all of them, however many')
    .option('--json', 'print one JSON object a line')
    .addHelpText(
      'after',
      `
Examples:
  $ npm run cli -- enrollment search --course course-v1:edX+DemoX+2026 --active
  $ npm run --silent cli -- enrollment search --changed-since 2h --all --json > changed.ndjson`,
    )
    .action((options: SearchOptions) => search(session, options))
}

async function search(session: Session, options: SearchOptions): Promise<void> {
  const { course: courseIds, user: usernames, email: emails, mode: modes, changedSince } = options
  const wanted = options.all === true ? Infinity : options.limit
  const isActive = options.active === options.inactive ? undefined : options.active === true
  const filter = { courseIds, usernames, emails, modes, changedSince, isActive }
  await withCaller(
    session,
    ({ enrollment }) => printPages(session, enrollment, filter, { wanted, json: options.json }),
    'read',
  )
}

type SearchInput = Parameters<Caller['enrollment']['search']>[0]

/** Prints page by page, so that any number of enrollments takes little memory. */
async function printPages(
  session: Session,
  enrollment: Caller['enrollment'],
  filter: SearchInput,
  { wanted, json }: { readonly wanted: number; readonly json: boolean | undefined },
): Promise<void> {
  let printed = 0
  for (let cursor: string | null | undefined; cursor !== null && printed < wanted;) {
    const limit = Math.min(wanted - printed, PAGE)
    const page = await enrollment.search({ ...filter, limit, cursor })
    await print(session, page.items, json, enrollmentLines)
    printed += page.items.length
    cursor = page.nextCursor
    if (cursor !== null && printed >= wanted) session.stderr.write(`There are more: --limit <number>, or --all.\n`)
  }
  if (printed === 0) session.stderr.write('No enrollment fits.\n')
}

const PAGE = 1_000

/** Says why there is nothing: a name that is misspelt is not the same as nothing there. */
async function sayNothing(
  session: Session,
  db: Database,
  { learner, courseId }: { readonly learner: LearnerRef; readonly courseId?: string },
): Promise<void> {
  session.exitCode = 1
  if ((await findAccount(db, learner)) === null) {
    session.stderr.write(`${failure('learnerNotFound', learner).message}\n`)
    return
  }
  session.exitCode = courseId === undefined ? 0 : 1
  session.stderr.write(
    courseId === undefined ? 'There is no enrollment.\n' : `${failure('notEnrolled', { courseId }).message}\n`,
  )
}

/** Prints things: one JSON object a line for machines, or as a person reads them. */
async function print<T>(
  { stdout }: Session,
  found: readonly T[],
  json: boolean | undefined,
  lines: (output: Session['stdout'], found: readonly T[]) => string,
): Promise<void> {
  if (found.length === 0) return
  const text = json === true ? found.map((each) => `${JSON.stringify(each)}\n`).join('') : lines(stdout, found)
  await write(stdout, text)
}
