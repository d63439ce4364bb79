import type { Kysely } from 'kysely'
import { courseKeyOf } from '../course/key.ts'
import type { DB } from '../database/schema.ts'
import { isLearner } from '../learner/lookup-sql.ts'
import type { LearnerRef } from '../learner/ref.ts'
import { cursorOf, FEED_START, inRange, isAfter, positionOf, type FeedRange } from './cursor.ts'
import { readFeedEnd } from './end.ts'
import type { EnrollmentEvent, HeldBack } from './event.ts'
import { matchingEvents, wantedEvents, type FeedFilter } from './filter.ts'
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
 * @throws {EnrollmentError} `invalidCourseKey`, of the filter.
 */
export async function listEvents(
  db: Kysely<DB>,
  { after, limit, filter }: { after: string; limit: number; filter?: FeedFilter | undefined },
): Promise<FeedPage> {
  const wanted = filter === undefined ? null : wantedEvents(filter)
  const { last, heldBy } = await readFeedEnd(db)
  const heldBack = heldBy === null ? null : await readHolder(db, heldBy)
  if (after === 'latest') return { events: [], cursor: last === null ? FEED_START : cursorOf(last), heldBack }
  const from = positionOf(after)
  if (last === null || !isAfter(last, from)) return { events: [], cursor: after, heldBack }
  const range = { after: from, through: last }
  const page = wanted === null ? await readRange(db, range, limit) : await matchingEvents(db, wanted, range, limit)
  return { ...page, heldBack }
}

/**
 * Reads the events of a range, in their order.
 *
 * @param range.through not after the last event of {@link readFeedEnd}.
 * @returns the first events, and the cursor to continue after.
 */
export async function readRange(
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
