import type { RewoundEvents } from '../../core/event/rewind.ts'
import { rewind } from '../../core/event/rewind.ts'
import { cursorOf, FEED_START, isAfter, positionOf } from '../../core/event/cursor.ts'
import { readFeedEnd } from '../../core/event/end.ts'
import { OPENEDX_TYPES, openedxTypesOf, readOpenedxEnrollments } from '../../core/event/openedx.ts'
import { readRelayed } from '../../core/event/read.ts'
import { enrollmentSchema } from './enrollment-schema.ts'
import type { BusEventType, BusFeed } from './feed.ts'

const { changed, created, unenrolled } = OPENEDX_TYPES

/** Where each type goes (events.md §4). */
const TYPES: readonly BusEventType[] = [
  { type: changed, topics: ['course-enrollment-lifecycle'], schema: enrollmentSchema(changed) },
  { type: created, topics: ['course-enrollment-lifecycle'], schema: enrollmentSchema(created) },
  { type: unenrolled, topics: ['course-unenrollment-lifecycle'], schema: enrollmentSchema(unenrolled) },
]

/** Every change of an enrollment, as the LMS would tell it on the event bus (events.md §4). */
export const enrollmentFeed: BusFeed = {
  name: 'event-bus',
  types: TYPES,

  async end(db) {
    const { last } = await readFeedEnd(db)
    return last === null ? FEED_START : cursorOf(last)
  },

  async read(db, after, limit) {
    const from = positionOf(after)
    const { last } = await readFeedEnd(db)
    if (last === null || !isAfter(last, from)) return { events: [], cursor: after, isMore: false }
    const { events, cursor } = await readRelayed(db, { after: from, through: last }, limit)
    const told = await readOpenedxEnrollments(db, events)
    return {
      events: told.flatMap(({ event, enrollment }) =>
        openedxTypesOf(event).map((type) => ({
          id: event.id,
          cursor: event.cursor,
          type,
          at: event.at,
          data: { enrollment },
        })),
      ),
      cursor,
      isMore: isAfter(last, positionOf(cursor)),
    }
  },

  async rewind(db, { after, through }, type, count) {
    const range = { after: positionOf(after), through: positionOf(through) }
    return cursorOf(await rewind(db, range, CHANGES_OF[type] ?? ALL, count))
  },
}

const ALL: RewoundEvents = { kinds: null, areActive: false }

/** The changes that a type follows from, as `openedxTypesOf` has it. */
const CHANGES_OF: Readonly<Record<string, RewoundEvents>> = {
  [changed]: ALL,
  [created]: { kinds: ['created', 'reactivated'], areActive: true },
  [unenrolled]: { kinds: ['deactivated'], areActive: false },
}
