import { z } from 'zod'
import { FEED_START, isFeedCursor } from '../core/event/cursor.ts'
import { listEvents } from '../core/event/read.ts'
import { watchEvents } from '../core/event/watch.ts'
import { storableText } from '../core/text.ts'
import { query, subscription } from './operation.ts'
import { changeKind, event, eventPage } from './outputs.ts'

const names = z.array(storableText(320)).max(1000)

/** A filter of the feed: all that is given has to fit. */
const watchFields = {
  courseIds: names.optional(),
  usernames: names.optional(),
  kinds: z.array(changeKind).max(changeKind.options.length).optional(),
}
const listFields = { ...watchFields, batchId: z.uuid().optional() }

const NO_CURSOR = { error: 'Not a cursor of the feed' }
const place = z.string().refine((text) => text === 'latest' || isFeedCursor(text), NO_CURSOR)

/** The feed of all changes (rpc §3, events.md §1). */
export const eventsOperations = {
  list: query({
    input: z.strictObject({
      after: place.optional(),
      limit: z.number().int().min(1).max(1000).default(100),
      ...listFields,
    }),
    output: eventPage,
    handler: ({ db }, { after = FEED_START, limit, ...filter }) =>
      listEvents(db, { after, limit, filter: filters(filter) ? filter : undefined }),
  }),

  watch: subscription({
    input: z.strictObject({
      after: place.optional(),
      ...watchFields,
      // Sent by clients of tRPC that resume: where it is given, it is further on.
      lastEventId: z.string().refine(isFeedCursor, NO_CURSOR).optional(),
    }),
    output: event,
    handler: ({ db, signal }, { after = 'latest', lastEventId = after, ...filter }) =>
      watchEvents(db, { after: lastEventId, filter: filters(filter) ? filter : undefined, signal }),
  }),
}

function filters(filter: object): boolean {
  return Object.values(filter).some((part) => part !== undefined)
}
