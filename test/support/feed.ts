import { sql, type Kysely } from 'kysely'
import { expect } from 'vitest'
import type { DB } from '../../core/database/schema.ts'
import { cursorOf, FEED_START } from '../../core/event/cursor.ts'
import { readFeedEnd } from '../../core/event/end.ts'
import { eventually } from './eventually.ts'

/**
 * Waits until the feed shows all events that are committed. It shows one when all older transactions of the server have ended
 * (events.md §1), and those of other test files, in databases of their own, may last for seconds. Who reads the feed once, and
 * not until something comes, waits for this before.
 *
 * @returns the cursor of the last event, or of the place before the first.
 */
export function untilShown(db: Kysely<DB>): Promise<string> {
  return eventually(async () => {
    const newest = await db
      .selectFrom('enrollment_events')
      .select(sql<string>`concat(transaction_id, '-', id)`.as('cursor'))
      .orderBy('transaction_id', 'desc')
      .orderBy('id', 'desc')
      .limit(1)
      .executeTakeFirst()
    const { last } = await readFeedEnd(db)
    const shown = last === null ? FEED_START : cursorOf(last)
    expect(shown).toBe(newest?.cursor ?? FEED_START)
    return shown
  })
}
