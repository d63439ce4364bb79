import { z } from 'zod'
import { FEED_START, isFeedCursor, listEvents } from '../core/event/read.ts'
import { query, router } from './trpc.ts'

/** The feed of all changes (rpc §3). */
export const eventsRouter = router({
  list: query(
    z.strictObject({
      after: z.string().refine(isFeedCursor, { error: 'Not a cursor of the feed' }).optional(),
      limit: z.number().int().min(1).max(1000).default(100),
    }),
    ({ db }, { after = FEED_START, limit }) => listEvents(db, { after, limit }),
  ),
})
