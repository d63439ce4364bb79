import { Counter, Gauge, type Registry } from '@prometheus-io/client'
import type { Database } from '../../core/database/open.ts'
import { readConsumers, type ConsumerStatus } from '../../core/event/consumers.ts'
import { oneAtATime, withinTime } from '../questions.ts'

/** Milliseconds in which the database has to say how the consumers stand; whoever asks for metrics has an answer within a second. */
const PATIENCE_MS = 500

/**
 * Makes the metrics of the consumers of the feed (events.md §5). How far they are stands in the database: while it does not
 * answer, nothing is said of them but how often they failed.
 *
 * @param failuresOf how often a consumer has failed in this process.
 */
export function consumerMetrics(registry: Registry, db: Database, failuresOf: (consumer: string) => number): void {
  const registers = [registry]
  const labelNames = ['consumer'] as const
  // All metrics of one answer share one read, and while one takes longer nobody begins another.
  const reading = oneAtATime(() => readConsumers(db, new Date()))
  const read = () => withinTime(reading(), PATIENCE_MS)
  const known = new Set<string>()
  new Gauge({
    name: 'enrollment_database_up',
    help: 'Whether the database has answered the question for the consumers',
    registers,
    async collect() {
      this.set((await read()) === null ? 0 : 1)
    },
  })
  const gauge = (name: string, help: string, value: (consumer: ConsumerStatus) => number) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      async collect() {
        const consumers = await read()
        this.reset()
        for (const each of consumers ?? []) this.set({ consumer: each.name }, value(each))
      },
    })
  gauge('enrollment_consumer_lag_events', 'Events that a consumer has not dealt with', (each) => each.lagEvents)
  gauge('enrollment_consumer_lag_seconds', 'Age of the oldest of them', (each) => each.lagSeconds)
  new Counter({
    name: 'enrollment_consumer_errors_total',
    help: 'Failures of a consumer in this process',
    labelNames,
    registers,
    async collect() {
      for (const { name } of (await read()) ?? []) known.add(name)
      this.reset()
      for (const consumer of known) this.inc({ consumer }, failuresOf(consumer))
    },
  })
}
