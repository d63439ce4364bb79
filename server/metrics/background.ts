import { Counter, Histogram, type Registry } from '@prometheus-io/client'
import type { DeliveryState } from '../../core/webhook/webhook.ts'
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
  const attempts = new Counter({
    name: 'enrollment_webhook_attempts_total',
    help: 'Calls of endpoints of webhooks, by what the delivery has become',
    labelNames: ['state'],
    registers,
  })
  for (const state of STATES) attempts.inc({ state }, 0)
  const failuresByConsumer = new Map<string, number>()
  const failuresOf = (consumer: string) => failuresByConsumer.get(consumer) ?? 0
  const consumerFailed = (consumer: string) => void failuresByConsumer.set(consumer, failuresOf(consumer) + 1)
  return {
    failuresOf,
    consumerFailed,
    ran(step, milliseconds) {
      runs.observe({ step }, milliseconds / 1_000)
      failures.inc({ step }, 0)
    },
    failed: (step) => failures.inc({ step }),
    attempted(webhookId, state) {
      attempts.inc({ state })
      if (state !== 'delivered') consumerFailed(`webhook:${webhookId}`)
    },
  }
}

const STATES: readonly DeliveryState[] = ['delivered', 'pending', 'dead']
