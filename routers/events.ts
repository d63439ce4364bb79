import { z } from 'zod'
import { FEED_START, isFeedCursor, listEvents } from '../core/event/read.ts'
import { query } from './operation.ts'
import { eventPage } from './outputs.ts'

/** The feed of all changes (rpc §3). */
export const eventsOperations = {
  list: query({
    input: z.strictObject({
      after: z.string().refine(isFeedCursor, { error: 'Not a cursor of the feed' }).optional(),
      limit: z.number().int().min(1).max(1000).default(100),
    }),
    output: eventPage,
    handler: ({ db }, { after = FEED_START, limit }) => listEvents(db, { after, limit }),
  }),
}
