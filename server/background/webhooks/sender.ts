import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import type { DB } from '../../../core/database/schema.ts'
import { createAlarm } from '../../../core/event/alarm.ts'
import { addressRule } from '../../../core/webhook/address.ts'
import { claimDue, claimReplays, giveBack, type ClaimedDelivery } from '../../../core/webhook/claim.ts'
import { readMessages } from '../../../core/webhook/messages.ts'
import { hasEnabledWebhook } from '../../../core/webhook/read.ts'
import { continueReplays } from '../../../core/webhook/replay.ts'
import { secretBox } from '../../../core/webhook/secret.ts'
import type { DeliveryState, WebhookSettings } from '../../../core/webhook/webhook.ts'
import type { Logger } from '../../../routers/index.ts'
import type { WorkerStep } from '../loop.ts'
import { openAttempts } from './attempt.ts'
import type { Lookup } from './connect.ts'
import { CAPACITY, openEndpointQueues } from './endpoint-queues.ts'
import { resultWriter } from './result-writer.ts'

export interface SenderOptions {
  /** A pool. */
  readonly db: Kysely<DB>
  readonly settings: WebhookSettings
  readonly log: Pick<Logger, 'error'>
  /** Told of each attempt, with what its delivery has become. */
  readonly onAttempt?: ((webhookId: string, state: DeliveryState) => void) | undefined
  readonly now?: (() => Date) | undefined
  readonly random?: (() => number) | undefined
  /** Finds the addresses of names; that of the system unless given. */
  readonly lookup?: Lookup | undefined
  /** Milliseconds for an attempt; 15 s unless given. */
  readonly timeoutMs?: number | undefined
}

/** What sends webhooks in one process. */
export interface WebhookSender {
  readonly step: WorkerStep
  /** Tells that there are new deliveries. */
  wake(): void
}

/** Milliseconds after which it looks for what is due, when nobody wakes it. */
const INTERVAL_MS = 500

/** The same while something is under way. */
const BUSY_INTERVAL_MS = 250

/** Milliseconds at least from one claim to the next: then there is more to claim. */
const SPACE_MS = 10

/** Milliseconds from one look for replays to the next, while none is under way. */
const REPLAY_INTERVAL_MS = 200

/** Milliseconds for what is under way when the server stops. */
const GRACE_MS = 600

/**
 * Sends what is due (events.md §3). Each process of a server does, and they share the work: what one has claimed, others send only
 * when it has been gone for a while. No transaction is open while something is sent.
 */
export function webhookSender(options: SenderOptions): WebhookSender {
  const { db, settings, log, now = () => new Date() } = options
  const sender = randomUUID()
  const alarm = createAlarm()
  const leaving = new AbortController()
  const box = secretBox(settings.secretKeys)
  let replaysLookedAt = -Infinity
  let wasReplaying = 0

  const results = resultWriter({
    db,
    sender,
    now,
    signal: leaving.signal,
    onWritten(disabled) {
      for (const { id: webhook, because } of disabled) log.error({ webhook, because }, 'webhook disabled')
      alarm.ring()
    },
    onFailed: (err) => log.error({ err }, 'results of webhooks cannot be written'),
  })
  // What cannot be given back is taken over later.
  const handBack = (deliveries: readonly ClaimedDelivery[]) =>
    giveBack(db, deliveries, { sender, now: now() }).catch(() => {})
  const attempts = openAttempts({ ...options, now, results, handBack, signal: leaving.signal })
  const queues = openEndpointQueues({
    ...options,
    now,
    handBack,
    rule: addressRule(settings.allowedNetworks),
    send: attempts.send,
    unwritten: results.waitingOf,
  })

  const claimNext = async (): Promise<ClaimedDelivery[]> => {
    const claim = { sender, now: now() }
    const due = await claimDue(db, { ...claim, rooms: queues.rooms(), room: CAPACITY })
    const replaying = queues.replaying()
    // Once some are sent, the next ones are looked for at once.
    const hasEnded = wasReplaying > replaying.length
    wasReplaying = replaying.length
    if (!hasEnded && performance.now() - replaysLookedAt < REPLAY_INTERVAL_MS) return due
    replaysLookedAt = performance.now()
    await continueReplays(db, claim.now)
    const replays = await claimReplays(db, { ...claim, replaying })
    wasReplaying += new Set(replays.map(({ webhookId }) => webhookId)).size
    return [...due, ...replays]
  }
  const dispatch = async (deliveries: readonly ClaimedDelivery[]): Promise<void> => {
    const { ready, unready } = await readMessages(db, deliveries, { box, now: now() })
    for (const { delivery, error } of unready) attempts.failed(delivery, error)
    queues.dispatch(ready)
  }
  const untilIdle = async (milliseconds: number): Promise<void> => {
    for (let waited = 0; !queues.isIdle() && waited < milliseconds; waited += STEP_MS) await sleep(STEP_MS)
  }
  const leave = async (): Promise<void> => {
    await handBack(queues.drain())
    await untilIdle(GRACE_MS)
    leaving.abort()
    // What has no answer is given back.
    await untilIdle(GRACE_MS / 2)
    await results.written()
    queues.close()
  }

  return {
    wake: alarm.ring,
    step: {
      name: 'sending webhooks',
      intervalMs: INTERVAL_MS,
      wake: (signal) => alarm.wait(Infinity, signal),
      async run(signal) {
        // Where there are no endpoints this is all that it costs.
        if (queues.isIdle() && results.isEmpty() && !(await hasEnabledWebhook(db))) return false
        while (!signal.aborted) {
          const deliveries = await claimNext()
          if (deliveries.length > 0) await dispatch(deliveries)
          else if (queues.isIdle() && results.isEmpty()) return false
          await sleep(SPACE_MS)
          await alarm.wait(BUSY_INTERVAL_MS, signal)
        }
        await leave()
        return false
      },
    },
  }
}

const STEP_MS = 20
