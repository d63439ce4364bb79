import { z } from 'zod'
import { FEED_START, isFeedCursor, listEvents } from '../core/event/read.ts'
import { procedure, router } from './trpc.ts'

/** The feed of all changes (rpc §3). */
export const eventsRouter = router({
  list: procedure
    .input(
      z.strictObject({
        after: z.string().refine(isFeedCursor, { error: 'Not a cursor of the feed' }).optional(),
        limit: z.number().int().min(1).max(1000).default(100),
      }),
    )
    .query(({ ctx, input }) => listEvents(ctx.db, { after: input.after ?? FEED_START, limit: input.limit })),
})
