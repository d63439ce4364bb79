import { fanOut } from '../../../core/webhook/fan-out.ts'
import { hasEnabledWebhook } from '../../../core/webhook/read.ts'
import { sweepWebhooks } from '../../../core/webhook/sweep.ts'
import type { WorkerStep } from '../loop.ts'
import { webhookSender, type SenderOptions } from './sender.ts'

/** Milliseconds from one sweep to the next. */
const SWEEP_INTERVAL_MS = 60_000

export interface WebhookStepsOptions extends SenderOptions {
  /** Resolves when the feed may have new events. */
  readonly wake?: WorkerStep['wake']
}

/** The background work of webhooks: deliveries are made of events, sent, and swept. */
export function webhookSteps({ wake, ...options }: WebhookStepsOptions): WorkerStep[] {
  const { db, settings } = options
  const sender = webhookSender(options)
  const now = options.now ?? (() => new Date())
  return [
    {
      name: 'making deliveries of webhooks',
      wake,
      async run() {
        const { deliveries, isMore } = await fanOut(db, now())
        if (deliveries > 0) sender.wake()
        return isMore
      },
    },
    settings.secretKeys.length > 0 ? sender.step : withoutKey(options),
    {
      name: 'sweeping webhooks',
      delayMs: 5_000,
      intervalMs: SWEEP_INTERVAL_MS,
      async run(signal) {
        await sweepWebhooks(db, now(), signal)
        return false
      },
    },
  ]
}

/** Nothing can be signed: deliveries wait, and the log is told why. */
function withoutKey({ db }: SenderOptions): WorkerStep {
  return {
    name: 'sending webhooks',
    intervalMs: 10_000,
    async run() {
      if (await hasEnabledWebhook(db))
        throw new Error('There are webhooks, but neither WEBHOOK_SECRET_KEY nor INTERNAL_TOKENS is set')
      return false
    },
  }
}
