import type { Registry } from '@prometheus-io/client'
import type { ConsumerStatus } from '../../core/event/consumers.ts'
import { addCounter, addGauge } from './sampled.ts'
import type { ReadSharedState } from './state.ts'

/**
 * Makes the metrics of the consumers of the feed (events.md §5). How far they are stands in the database: while it does not
 * answer, nothing is said of them but how often they failed.
 *
 * @param failuresOf how often a consumer has failed in this process.
 */
export function consumerMetrics(
  registry: Registry,
  read: ReadSharedState,
  failuresOf: (consumer: string) => number,
): void {
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
