import { countBulkJobs, type BulkJobCount } from '../../core/bulk/count.ts'
import type { Database } from '../../core/database/open.ts'
import type { ConsumerStatus } from '../../core/event/consumers.ts'
import { countWebhooks, type WebhookCounts } from '../../core/webhook/count.ts'
import { oneAtATime, withinTime } from '../questions.ts'

/** What all processes share, as the database says it. */
export interface SharedState {
  readonly consumers: readonly ConsumerStatus[]
  readonly webhooks: WebhookCounts
  readonly bulkJobs: readonly BulkJobCount[]
}

/** Reads what all processes share; null: the database has not answered in time. */
export type ReadSharedState = () => Promise<SharedState | null>

/** Milliseconds in which the database has to answer; whoever asks for metrics has an answer within a second. */
const PATIENCE_MS = 500

/**
 * All metrics of one answer share one read, on one connection at a time; while one takes longer nobody begins another.
 *
 * @param readConsumers reads how the consumers of the feed stand.
 */
export function sharedStateReader(db: Database, readConsumers: () => Promise<ConsumerStatus[]>): ReadSharedState {
  const reading = oneAtATime(async (): Promise<SharedState> => {
    const consumers = await readConsumers()
    const webhooks = await countWebhooks(db)
    return { consumers, webhooks, bulkJobs: await countBulkJobs(db) }
  })
  return () => withinTime(reading(), PATIENCE_MS)
}
