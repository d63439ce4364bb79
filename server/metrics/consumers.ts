import type { Registry } from '@prometheus-io/client'
import type { Database } from '../../core/database/open.ts'
import { readConsumers, type ConsumerStatus } from '../../core/event/consumers.ts'
import { oneAtATime, withinTime } from '../questions.ts'
import { addCounter, addGauge } from './sampled.ts'

/** Milliseconds in which the database has to say how the consumers stand; whoever asks for metrics has an answer within a second. */
const PATIENCE_MS = 500

/**
 * Makes the metrics of the consumers of the feed (events.md §5). How far they are stands in the database: while it does not
 * answer, nothing is said of them but how often they failed.
 *
 * @param failuresOf how often a consumer has failed in this process.
 */
export function consumerMetrics(registry: Registry, db: Database, failuresOf: (consumer: string) => number): void {
  // All metrics of one answer share one read, and while one takes longer nobody begins another.
  const reading = oneAtATime(() => readConsumers(db, new Date()))
  const read = () => withinTime(reading(), PATIENCE_MS)
  const labels = ['consumer']
  const valuesOf = (value: (consumer: ConsumerStatus) => number) => async () => {
    const consumers = await read()
    return (consumers ?? []).map((each) => [value(each), { consumer: each.name }] as const)
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
  const known = new Set<string>()
  addCounter(registry, {
    name: 'enrollment_consumer_errors_total',
    help: 'Failures of a consumer in this process',
    labels,
    async samples() {
      for (const { name } of (await read()) ?? []) known.add(name)
      return [...known].map((consumer) => [failuresOf(consumer), { consumer }] as const)
    },
  })
}
