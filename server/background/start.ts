import { setTimeout as sleep } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import type { Policy } from '../../core/policy.ts'
import type { WebhookSettings } from '../../core/webhook/webhook.ts'
import type { Logger } from '../../routers/index.ts'
import type { Extension } from '../extension.ts'
import { autoEnrollment } from './auto-enrollment.ts'
import { consumeFeed, MAX_EVENTS, type FeedConsumer } from './feed-consumer.ts'
import { repeat, type FailureLog, type WorkerStep } from './loop.ts'
import { observed, type BackgroundObserver } from './observer.ts'
import { idempotencyKeySweep } from './sweep.ts'
import { wakeOnChanges } from './wake.ts'
import { webhookSteps } from './webhooks/steps.ts'

export interface BackgroundOptions {
  /** A pool. */
  readonly db: Kysely<DB>
  readonly log: Logger & FailureLog
  readonly policy: Policy
  /** Without it nothing is sent. */
  readonly webhooks?: WebhookSettings | undefined
  readonly extensions: readonly Extension[]
  /** Is told how the work goes. */
  readonly observer?: BackgroundObserver | undefined
  /** Further work of the server. */
  readonly steps?: readonly WorkerStep[] | undefined
}

const NO_WEBHOOKS: WebhookSettings = { secretKeys: [], allowedNetworks: [] }

/** How long the end of the steps that run is waited for. A statement that takes longer ends by itself, and does no harm. */
const MAX_STOP_MS = 1_000

/**
 * Starts the background work of the server, that of its extensions too: one loop for each step and for each consumer of the
 * feed. Any number of processes may have it. Disposing of it ends all of it.
 *
 * @throws {TypeError} when two steps or consumers have one name.
 */
export function startBackground({
  extensions,
  webhooks = NO_WEBHOOKS,
  observer,
  steps: further = [],
  ...context
}: BackgroundOptions): AsyncDisposable {
  const { db, log, policy } = context
  const workers = extensions.flatMap((extension) => extension.workers?.(context) ?? [])
  const own = [
    idempotencyKeySweep(db),
    autoEnrollment(db, policy),
    ...webhookSteps({
      db,
      log,
      settings: webhooks,
      wake: wakeOnChanges(db),
      onAttempt: observer?.attempted,
    }),
  ]
  const steps = [...own, ...further, ...workers.flatMap((each) => each.steps ?? [])]
  const consumers = workers.flatMap((each) => each.consumers ?? [])
  const all = [...steps, ...consumers.map((consumer) => consumption(db, consumer))]
  refuseSameNames(steps)
  refuseSameNames(consumers)
  const end = new AbortController()
  const loops = Promise.all(all.map((step) => repeat(observed(step, observer), log, end.signal)))
  return {
    async [Symbol.asyncDispose]() {
      end.abort()
      await Promise.race([loops, sleep(MAX_STOP_MS, undefined, { ref: false })])
    },
  }
}

/** The step by which a consumer reads on. */
function consumption(db: Kysely<DB>, consumer: FeedConsumer): WorkerStep {
  return {
    name: `consuming the feed (${consumer.name})`,
    consumer: consumer.name,
    intervalMs: consumer.intervalMs,
    wake: wakeOnChanges(db),
    run: async () => (await consumeFeed(db, consumer)) === MAX_EVENTS,
  }
}

function refuseSameNames(named: readonly { readonly name: string }[]): void {
  const names = named.map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw new TypeError(`Two pieces of background work are called '${twice}'`)
}
