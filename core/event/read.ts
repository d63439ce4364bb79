import { sql, type Kysely, type Selectable } from 'kysely'
import { courseKeyOf } from '../course/key.ts'
import type { DB, EnrollmentEvents } from '../database/schema.ts'
import { isLearner } from '../learner/lookup-sql.ts'
import type { LearnerRef } from '../learner/ref.ts'
import { cursorOf, FEED_START, inRange, isAfter, positionOf, type FeedRange } from './cursor.ts'
import { readFeedEnd } from './end.ts'
import type { EnrollmentEvent, HeldBack } from './event.ts'
import { endOfStretch, matchingEvents, wantedEvents, type FeedFilter } from './filter.ts'
import { readHolder } from './held-back.ts'
import { eventOf, selectEvents } from './row.ts'

/** A page of the feed. */
export interface FeedPage {
  events: EnrollmentEvent[]
  /** Continues after the page. */
  cursor: string
  /** Who keeps committed events from being shown; null: nobody. */
  heldBack: HeldBack | null
}

interface FeedRequest {
  readonly after: string
  readonly limit: number
  readonly filter?: FeedFilter | undefined
  readonly isRelayed?: boolean | undefined
}

/** Reads all events of one enrollment, oldest first; none where there is no enrollment. */
export async function readHistory(db: Kysely<DB>, learner: LearnerRef, courseId: string): Promise<EnrollmentEvent[]> {
  const rows = await selectEvents(db)
    .where('c.course_key', '=', courseKeyOf(courseId).stored)
    .where((eb) => isLearner(eb, learner))
    .orderBy('v.version')
    .execute()
  return rows.map(eventOf)
}

/**
 * Reads the feed of all changes after a cursor (events.md §1). Only events of transactions that ended before every transaction
 * still running are shown, in the order of transactions, so that a reader who continues after the cursor never skips an event
 * that commits late.
 *
 * @param page.after a cursor of this feed, from this cluster or an earlier one; `latest`: no events, but the place after those
 *   shown by now.
 * @param page.filter leaves events out. The cursor moves on over them. Where they are very many, a page may hold fewer
 *   events than asked for, or none, without being the last one: that is one whose cursor is `after`.
 * @param page.isRelayed whether what happened before the data came here is left out (adoption.md §1); not unless given.
 * @throws {EnrollmentError} `invalidCourseKey`, of the filter.
 */
export async function listEvents(
  db: Kysely<DB>,
  { after, limit, filter, isRelayed = false }: FeedRequest,
): Promise<FeedPage> {
  const wanted = filter === undefined ? null : wantedEvents(filter)
  const { last, heldBy } = await readFeedEnd(db)
  const heldBack = heldBy === null ? null : await readHolder(db, heldBy)
  if (after === 'latest') return { events: [], cursor: last === null ? FEED_START : cursorOf(last), heldBack }
  const from = positionOf(after)
  if (last === null || !isAfter(last, from)) return { events: [], cursor: after, heldBack }
  const range = { after: from, through: last }
  if (wanted !== null) return { ...(await matchingEvents(db, { ...wanted, isRelayed }, range, limit)), heldBack }
  const page = isRelayed ? await readRelayed(db, range, limit) : await readRange(db, range, limit)
  return { ...page, heldBack }
}

/** Events that are looked through for those that are relayed: many where a history has just been imported. */
const STRETCH = 20_000

/**
 * Reads the events of a range that are relayed, in their order: not those of what happened before the data came here
 * (adoption.md §1).
 *
 * @param range.through not after the last event of {@link readFeedEnd}.
 * @returns the first events, and the cursor to continue after, which moves on over those that are left out; at the end of the
 *   range it is that of `through`. Where very many are left out, there may be no events before that.
 */
export async function readRelayed(
  db: Kysely<DB>,
  range: FeedRange,
  limit: number,
): Promise<{ events: EnrollmentEvent[]; cursor: string }> {
  const through = (await endOfStretch(db, range, STRETCH)) ?? range.through
  const next = sql<Selectable<EnrollmentEvents>>`(select * from enrollment_events s
    where ${inRange('s', { after: range.after, through })} and not s.is_imported
    order by s.transaction_id, s.id limit ${limit})`
  const rows = await selectEvents(db, next).orderBy('v.transaction_id').orderBy('v.id').execute()
  const events = rows.map(eventOf)
  const last = events.at(-1)
  return { events, cursor: last !== undefined && events.length === limit ? last.cursor : cursorOf(through) }
}

/**
 * Reads the events of a range, in their order.
 *
 * @param range.through not after the last event of {@link readFeedEnd}.
 * @returns the first events, and the cursor to continue after.
 */
async function readRange(
  db: Kysely<DB>,
  range: FeedRange,
  limit: number,
): Promise<{ events: EnrollmentEvent[]; cursor: string }> {
  const rows = await selectEvents(db)
    .where(inRange('v', range))
    .orderBy('v.transaction_id')
    .orderBy('v.id')
    .limit(limit)
    .execute()
  const events = rows.map(eventOf)
  return { events, cursor: events.at(-1)?.cursor ?? cursorOf(range.after) }
}
