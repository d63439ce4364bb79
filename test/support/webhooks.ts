import { onTestFinished } from 'vitest'
import type { Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import type { WebhookSettings } from '../../core/webhook/webhook.ts'
import { createCaller, type Caller } from '../../routers/index.ts'
import { feedChanges } from '../../core/event/listen.ts'
import { repeat } from '../../server/background/loop.ts'
import type { SenderOptions } from '../../server/background/webhooks/sender.ts'
import { webhookSteps } from '../../server/background/webhooks/steps.ts'

export const WEBHOOK_SETTINGS: WebhookSettings = {
  secretKeys: ['key-of-the-tests'],
  allowedNetworks: ['127.0.0.0/8'],
}

/** Calls operations with webhooks configured. */
export function webhookCaller(db: Kysely<DB>, now?: () => Date): Caller {
  const actor = { kind: 'service', name: 'tests' } as const
  return createCaller({ db, actor, webhooks: WEBHOOK_SETTINGS, now })
}

export interface RunningSteps {
  /** What the log was told. */
  readonly errors: { fields: object; message: string }[]
  stop(): Promise<void>
}

/** Runs the background work of webhooks, as a server does, until the test has finished. */
export function runWebhooks(db: Kysely<DB>, options: Partial<SenderOptions> = {}): RunningSteps {
  const errors: RunningSteps['errors'] = []
  const log = { error: (fields: object, message: string) => void errors.push({ fields, message }) }
  const end = new AbortController()
  const steps = webhookSteps({ db, log, settings: WEBHOOK_SETTINGS, wake: feedChanges(db).next, ...options })
  const loops = Promise.all(steps.map((step) => repeat(step, log, end.signal)))
  const stop = async () => {
    end.abort()
    await loops
  }
  onTestFinished(stop)
  return { errors, stop }
}
