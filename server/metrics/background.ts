import { Counter, Histogram, type Registry } from '@prometheus-io/client'
import type { BackgroundObserver } from '../background/observer.ts'

/** What is known of the failures of consumers, for the metrics of each. */
export interface BackgroundMetrics extends BackgroundObserver {
  /** How often a consumer has failed since the start of this process. */
  readonly failuresOf: (consumer: string) => number
}

/** Seconds: a look that finds nothing takes a few milliseconds, a part of a long work some seconds. */
const BUCKETS = [0.005, 0.025, 0.1, 0.5, 2.5, 10, 60]

/** Makes the metrics of the work in the background. */
export function backgroundMetrics(registry: Registry): BackgroundMetrics {
  const registers = [registry]
  const runs = new Histogram({
    name: 'enrollment_background_run_duration_seconds',
    help: 'Runs of the steps of the work in the background',
    labelNames: ['step'],
    buckets: BUCKETS,
    registers,
  })
  const failures = new Counter({
    name: 'enrollment_background_failures_total',
    help: 'Runs that failed; each is tried again',
    labelNames: ['step'],
    registers,
  })
  const failuresByConsumer = new Map<string, number>()
  const failuresOf = (consumer: string) => failuresByConsumer.get(consumer) ?? 0
  return {
    failuresOf,
    ran(step, milliseconds) {
      runs.observe({ step }, milliseconds / 1_000)
      failures.inc({ step }, 0)
    },
    failed: (step) => failures.inc({ step }),
    consumerFailed: (consumer) => void failuresByConsumer.set(consumer, failuresOf(consumer) + 1),
  }
}
