import type { Registry } from '@prometheus-io/client'
import type { Database } from '../../core/database/open.ts'
import type { Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import type { ConsumerStatus } from '../../core/event/consumers.ts'
import { countWebhooks, type WebhookCounts } from '../../core/webhook/count.ts'
import { oneAtATime, withinTime } from '../questions.ts'
import { addCounter, addGauge } from './sampled.ts'

/** Milliseconds in which the database has to say how the consumers stand; whoever asks for metrics has an answer within a second. */
const PATIENCE_MS = 500

/**
 * Makes the metrics of the consumers of the feed (events.md §5). How far they are stands in the database: while it does not
 * answer, nothing is said of them but how often they failed.
 *
 * @param readConsumers reads how they stand.
 * @param failuresOf how often a consumer has failed in this process.
 */
export function consumerMetrics(
  registry: Registry,
  db: Database,
  readConsumers: () => Promise<ConsumerStatus[]>,
  failuresOf: (consumer: string) => number,
): void {
  // All metrics of one answer share one read, and while one takes longer nobody begins another.
  const reading = oneAtATime(() => readState(db, readConsumers))
  const read = () => withinTime(reading(), PATIENCE_MS)
  const labels = ['consumer']
  const valuesOf = (value: (consumer: ConsumerStatus) => number) => async () => {
    const { consumers = [] } = (await read()) ?? {}
    return consumers.map((each) => [value(each), { consumer: each.name }] as const)
  }
  addGauge(registry, {
    name: 'enrollment_database_up',
    help: 'Whether the database has answered the question for the consumers',
    samples: async () => [[(await read()) === null ? 0 : 1]],
  })
  addGauge(registry, {
    name: 'enrollment_consumer_lag_events',
    help: 'Events that a consumer has not dealt with',
    labels,
    samples: valuesOf(({ lagEvents }) => lagEvents),
  })
  addGauge(registry, {
    name: 'enrollment_consumer_lag_seconds',
    help: 'Age of the oldest event that a consumer has not dealt with',
    labels,
    samples: valuesOf(({ lagSeconds }) => lagSeconds),
  })
  let known: readonly string[] = []
  addCounter(registry, {
    name: 'enrollment_consumer_errors_total',
    help: 'Failures of a consumer in this process',
    labels,
    async samples() {
      const state = await read()
      known = state?.consumers.map(({ name }) => name) ?? known
      return known.map((consumer) => [failuresOf(consumer), { consumer }] as const)
    },
  })
  addGauge(registry, {
    name: 'enrollment_webhook_endpoints',
    help: 'Endpoints of webhooks, by state',
    labels: ['state'],
    async samples() {
      const { webhooks } = (await read()) ?? {}
      if (webhooks === undefined) return []
      return (['enabled', 'disabled'] as const).map((state) => [webhooks[state], { state }])
    },
  })
}

interface State {
  readonly consumers: readonly ConsumerStatus[]
  readonly webhooks: WebhookCounts
}

/** On one connection at a time. */
async function readState(db: Kysely<DB>, readConsumers: () => Promise<ConsumerStatus[]>): Promise<State> {
  const consumers = await readConsumers()
  return { consumers, webhooks: await countWebhooks(db) }
}
