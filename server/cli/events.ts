import { Option, type Command } from 'commander'
import type { Database } from '../../core/database/open.ts'
import type { ChangeKind } from '../../core/enrollment/command.ts'
import { cursorOf, FEED_START, isFeedCursor, laterPosition, positionOf } from '../../core/event/cursor.ts'
import type { EnrollmentEvent } from '../../core/event/event.ts'
import { cursorBefore, cursorOfLast } from '../../core/event/seek.ts'
import type { Caller } from '../../routers/caller.ts'
import { withCaller } from './caller.ts'
import { eventLine, eventLines } from './enrollment-lines.ts'
import { limitOption, sinceOrCursorOption } from './option-values.ts'
import type { Session } from './session.ts'
import { INTERRUPTED, takeInterrupt, write } from './streams.ts'

interface Options {
  readonly course?: string[]
  readonly user?: string[]
  readonly kind?: ChangeKind[]
  readonly batch?: string
  /** An instant or a cursor. */
  readonly since?: string
  readonly json?: boolean
}

/** `events list`, `events watch`: the feed of all changes (bulk.md §5, events.md §1 and §2). */
export function addEvents(program: Command, session: Session): void {
  const group = program
    .command('events')
    .summary('read changes of enrollments, or follow them')
    .description('Reads the feed of all changes of enrollments, or follows it: when, what, who, by which way and why.')
    .addHelpText(
      'after',
      `
Examples:
  $ npm run cli -- events list --since 2h
  $ npm run cli -- events list --user bob
  $ npm run --silent cli -- events list --batch <id of a bulk job> --all --json
  $ npm run cli -- events watch --course course-v1:edX+DemoX+2026`,
    )
  withFilter(group.command('list'))
    .summary('list changes, oldest first')
    .description(
      'Lists changes, oldest first: the latest ones, or those since an instant or of a batch from its first on.',
    )
    .addOption(limitOption(100))
    .option('--all', 'all of them, however many')
    .addHelpText(
      'after',
      '\nExample:\n  $ npm run cli -- events list --since 2026-11-01 --course course-v1:edX+DemoX+2026',
    )
    .action((options: Options & ListOptions) => list(session, options))
  withFilter(group.command('watch'))
    .summary('follow changes as they happen')
    .description('Prints changes as they happen, until Ctrl-C; with --since or --batch those before as well.')
    .addHelpText('after', '\nExample:\n  $ npm run --silent cli -- events watch --since 10m --json')
    .action((options: Options) => watch(session, options))
}

function withFilter(command: Command): Command {
  return command
    .option('--course <key...>', 'in one of these course runs')
    .option('--user <username...>', 'of one of these learners')
    .option('--batch <id>', 'of this batch or bulk job')
    .addOption(
      new Option('--kind <kind...>', 'only these').choices(['created', 'reactivated', 'modeChanged', 'deactivated']),
    )
    .addOption(sinceOrCursorOption('--since <when>', 'since then'))
    .option('--json', 'print one JSON object a line')
}

interface ListOptions {
  readonly limit: number
  readonly all?: boolean
}

async function list(session: Session, options: Options & ListOptions): Promise<void> {
  const wanted = options.all === true ? Infinity : options.limit
  await withCaller(
    session,
    async ({ events }, db) => {
      const isFromStart = options.since !== undefined || options.batch !== undefined || options.all === true
      if (!isFromStart) return printLatest(session, events, { db, options, wanted })
      const after = await placeOf(db, options.since)
      const { printed, isEnd } = await printFrom(session, events, { after, options, wanted })
      if (printed === 0) session.stderr.write('There is no such change.\n')
      if (!isEnd) session.stderr.write('There are more: --limit <number>, or --all.\n')
    },
    'read',
  )
}

type Events = Caller['events']

/** The latest changes that fit: looked for further and further back. */
async function printLatest(
  session: Session,
  events: Events,
  { db, options, wanted }: { readonly db: Database; readonly options: Options; readonly wanted: number },
): Promise<void> {
  for (let stretch = Math.max(wanted, FIRST_STRETCH); ; stretch *= 16) {
    const after = stretch > LAST_STRETCH ? FEED_START : await cursorOfLast(db, stretch)
    let latest: EnrollmentEvent[] = []
    for await (const page of pagesAfter(events, after, options)) latest = [...latest, ...page].slice(-wanted)
    if (latest.length < wanted && after !== FEED_START) continue
    if (latest.length === 0) session.stderr.write('There is no such change.\n')
    return print(session, latest, options)
  }
}

const FIRST_STRETCH = 1_000
const LAST_STRETCH = 1_000_000

/** Prints changes after a place, oldest first. */
async function printFrom(
  session: Session,
  events: Events,
  { after, options, wanted }: { readonly after: string; readonly options: Options; readonly wanted: number },
): Promise<{ printed: number; isEnd: boolean; cursor: string }> {
  let printed = 0
  let cursor = after
  for await (const page of pagesAfter(events, after, options)) {
    const fitting = page.slice(0, wanted - printed)
    await print(session, fitting, options)
    printed += fitting.length
    cursor = fitting.at(-1)?.cursor ?? cursor
    if (fitting.length < page.length) return { printed, isEnd: false, cursor }
  }
  return { printed, isEnd: true, cursor }
}

/** Pages of the changes that fit, oldest first; empty ones are left out. */
async function* pagesAfter(events: Events, after: string, options: Options): AsyncGenerator<EnrollmentEvent[]> {
  const { course: courseIds, user: usernames, kind: kinds, batch: batchId, since } = options
  const from = since === undefined || isFeedCursor(since) ? '' : since
  for (let cursor = after; ;) {
    const page = await events.list({ after: cursor, courseIds, usernames, kinds, batchId, limit: 1_000 })
    const fitting = page.events.filter(({ at }) => at >= from)
    if (fitting.length > 0) yield fitting
    if (page.cursor === cursor) return
    cursor = page.cursor
  }
}

async function placeOf(db: Database, since: string | undefined): Promise<string> {
  if (since === undefined) return FEED_START
  return isFeedCursor(since) ? since : cursorBefore(db, since)
}

async function watch(session: Session, options: Options): Promise<void> {
  const { course: courseIds, user: usernames, kind: kinds, batch, json } = options
  using interrupt = takeInterrupt()
  await withCaller(
    session,
    async ({ events }, db) => {
      const after = await placeAfterEarlier(session, events, { db, options })
      if (session.stdout.isTTY === true) session.stderr.write('Waiting for changes; Ctrl-C ends it.\n')
      const live = events.watch({ after, courseIds, usernames, kinds }, { signal: interrupt.signal })
      for await (const { data } of live) {
        if (batch !== undefined && data.batchId !== batch) continue
        await write(session.stdout, json === true ? `${JSON.stringify(data)}\n` : eventLine(session.stdout, data))
      }
    },
    'read',
  )
  if (interrupt.signal.aborted) session.exitCode = INTERRUPTED
}

/** Prints what was before, where that is asked for, and tells where the rest begins. Of a batch an index finds it. */
async function placeAfterEarlier(
  session: Session,
  events: Events,
  { db, options }: { readonly db: Database; readonly options: Options },
): Promise<string> {
  const { cursor: now } = await events.list({ after: 'latest', limit: 1 })
  if (options.since === undefined && options.batch === undefined) return now
  const after = await placeOf(db, options.since)
  const { cursor: last } = await printFrom(session, events, { after, options, wanted: Infinity })
  return cursorOf(laterPosition(positionOf(now), positionOf(last)))
}

async function print({ stdout }: Session, events: readonly EnrollmentEvent[], { json }: Options): Promise<void> {
  if (events.length === 0) return
  const lines =
    json === true ? events.map((event) => `${JSON.stringify(event)}\n`).join('') : eventLines(stdout, events)
  await write(stdout, lines)
}
