import type { Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import { settleFeedEpoch } from '../../core/event/epoch.ts'
import type { WorkerStep } from './loop.ts'

/** Makes new events cheaper to place in the feed, soon after the first one since PostgreSQL was started. */
export function feedEpochSettling(db: Kysely<DB>): WorkerStep {
  return {
    name: 'settling the epoch of the feed',
    intervalMs: 5_000,
    async run() {
      await settleFeedEpoch(db)
      return false
    },
  }
}
