import type { Kysely } from 'kysely'
import { coalescedRead } from '../database/coalesced-read.ts'
import { perPool } from '../database/per-pool.ts'
import type { DB } from '../database/schema.ts'
import { EnrollmentError, failure } from '../errors.ts'
import type { TrackedPage } from '../tracked.ts'
import { cursorOf, FEED_START, isAfter, positionOf, type FeedPosition } from './cursor.ts'
import { readFeedEnd, type FeedEnd } from './end.ts'
import type { EnrollmentEvent } from './event.ts'
import { wantedEvents, type FeedFilter } from './filter.ts'
import { hubOf, type HubPlace } from './hub.ts'
import { listEvents } from './read.ts'
import { limited } from './limited.ts'

export interface WatchOptions {
  /** A cursor of the feed, or `latest`: after all that is shown by now. */
  readonly after: string
  /** Undefined: all events. */
  readonly filter: Omit<FeedFilter, 'batchId'> | undefined
  /** Ends it, at once and without an error. */
  readonly signal: AbortSignal
}

type EventPage = TrackedPage<EnrollmentEvent>

/**
 * Follows the feed of all changes live (events.md §2): every event that a filter leaves, once, in the order of the feed, but not
 * what happened before the data came here (adoption.md §1). The
 * first page is empty and says where it begins.
 *
 * Watchers of a pool share one reader and its recent events. One that begins before these reads pages of its own first, a few
 * watchers at a time. One that has fallen behind them is told so, and can resume: it takes no memory meanwhile.
 *
 * @param db a pool.
 * @throws {EnrollmentError} `invalidCourseKey`, of the filter; `tooSlow`; `unavailable` where the database cannot be reached.
 */
export async function* watchEvents(
  db: Kysely<DB>,
  { after, filter, signal }: WatchOptions,
): AsyncGenerator<EventPage, void, void> {
  const select = selection(filter)
  let position = after === 'latest' ? await latest(db) : positionOf(after)
  yield { items: [], id: cursorOf(position) }
  if (signal.aborted) return
  using place = await hubOf(db).enter(signal)
  let number = place.ring.find(position)
  while (number === null) {
    const page = await earlierPage(db, { after: cursorOf(position), filter })
    if (signal.aborted) return
    if (page.id === cursorOf(position)) await place.more(signal)
    else yield page
    if (signal.aborted) return
    position = positionOf(page.id)
    number = place.ring.find(position)
  }
  yield* livePages(place, { number, position, select, signal })
}

interface LiveOptions {
  /** Of the first page. */
  readonly number: number
  /** In this page: what is up to there has been seen. */
  readonly position: FeedPosition
  readonly select: (page: EventPage) => EventPage
  readonly signal: AbortSignal
}

async function* livePages(
  { ring, more }: HubPlace,
  { number, position, select, signal }: LiveOptions,
): AsyncGenerator<EventPage, void, void> {
  for (let next = number; !signal.aborted;) {
    const page = ring.page(next)
    if (page === null) throw new EnrollmentError(failure('tooSlow', {}))
    if (page === undefined) {
      await more(signal)
      continue
    }
    yield select(next === number ? pageAfter(page, position) : page)
    next += 1
  }
}

/** The rest of a page; the page itself where nothing of it has been seen. */
function pageAfter(page: EventPage, position: FeedPosition): EventPage {
  const items = page.items.filter(({ id }) => isAfter(positionOf(id), position))
  return items.length === page.items.length ? page : { ...page, items }
}

/** What a filter leaves of a page; the page itself where that is all of it, so that all who watch have one object. */
function selection(filter: WatchOptions['filter']): (page: EventPage) => EventPage {
  if (filter === undefined) return (page) => page
  const { courseKeys, usernames, kinds } = wantedEvents(filter)
  const courses = courseKeys === null ? null : new Set(courseKeys)
  const learners = usernames === undefined ? null : new Set(usernames)
  const ofKinds = kinds === undefined ? null : new Set(kinds)
  const fits = ({ courseId, username, kind }: EnrollmentEvent) =>
    courses?.has(courseId) !== false && learners?.has(username) !== false && ofKinds?.has(kind) !== false
  return (page) => {
    const items = page.items.filter(({ data }) => fits(data))
    return items.length === page.items.length ? page : { ...page, items }
  }
}

/** The place after all that is shown by now: those who ask at the same time share the question. */
async function latest(db: Kysely<DB>): Promise<FeedPosition> {
  const end = await readLatest(db, 'end')
  return end?.last ?? positionOf(FEED_START)
}

const readLatest = coalescedRead<FeedEnd>(async (db) => new Map([['end', await readFeedEnd(db)]]))

/** Events of a page that a watcher reads for itself. */
const EARLIER_PAGE_SIZE = 500

/** So many watchers of a pool read pages of their own at the same time: the rest of the pool is for others. */
const MAX_READERS = 2

const readersOf = perPool(() => ({ run: limited(MAX_READERS), reading: new Map<string, Promise<EventPage>>() }))

/** A page of what comes before the recent events; those who read the same, as many do after a restart, share it. */
function earlierPage(
  db: Kysely<DB>,
  { after, filter }: { after: string; filter: WatchOptions['filter'] },
): Promise<EventPage> {
  const { run, reading } = readersOf(db)
  const read = () =>
    run(async () => {
      const { events, cursor } = await listEvents(db, { after, limit: EARLIER_PAGE_SIZE, filter, isRelayed: true })
      return { items: events.map((event) => ({ id: event.cursor, data: event })), id: cursor }
    })
  if (filter !== undefined) return read()
  const shared = reading.get(after) ?? read().finally(() => reading.delete(after))
  reading.set(after, shared)
  return shared
}
