import { z } from 'zod'
import { FEED_START, isFeedCursor } from '../core/event/cursor.ts'
import { listEvents } from '../core/event/read.ts'
import { storableText } from '../core/text.ts'
import { query } from './operation.ts'
import { changeKind, eventPage } from './outputs.ts'

const names = z.array(storableText(320)).max(1000)

/** The filter of the feed: all that is given has to fit. */
const filterFields = {
  courseIds: names.optional(),
  usernames: names.optional(),
  batchId: z.uuid().optional(),
  kinds: z.array(changeKind).max(changeKind.options.length).optional(),
}

/** The feed of all changes (rpc §3, events.md §1). */
export const eventsOperations = {
  list: query({
    input: z.strictObject({
      after: z
        .string()
        .refine((text) => text === 'latest' || isFeedCursor(text), { error: 'Not a cursor of the feed' })
        .optional(),
      limit: z.number().int().min(1).max(1000).default(100),
      ...filterFields,
    }),
    output: eventPage,
    handler: ({ db }, { after = FEED_START, limit, ...filter }) =>
      listEvents(db, {
        after,
        limit,
        filter: Object.values(filter).some((part) => part !== undefined) ? filter : undefined,
      }),
  }),
}
