import type { AddressRule } from '../../../core/webhook/address.ts'
import type { ClaimedDelivery } from '../../../core/webhook/claim.ts'
import type { OutgoingMessage } from '../../../core/webhook/messages.ts'
import { openEndpointQueue, type EndpointQueue, type EndpointQueueOptions } from './endpoint-queue.ts'
import { openReceiver, type ReceiverOptions } from './post.ts'

/** What is under way to all endpoints, in a queue for each. */
export interface EndpointQueues {
  /** For how many more deliveries there is room at endpoints for which some are under way. */
  rooms(): ReadonlyMap<string, number>
  /** The endpoints for which a replay is under way. */
  replaying(): string[]
  dispatch(messages: readonly OutgoingMessage[]): void
  isIdle(): boolean
  /** Takes back what was not begun. */
  drain(): ClaimedDelivery[]
  close(): void
}

export interface EndpointQueuesOptions
  extends Omit<EndpointQueueOptions, 'receiver' | 'connections'>, Pick<ReceiverOptions, 'lookup' | 'timeoutMs'> {
  readonly rule: AddressRule
  /** How many results of an endpoint are not written yet. */
  readonly unwritten: (webhookId: string) => number
}

/** Connections to one endpoint. */
const CONNECTIONS = 32

/** The most deliveries of an endpoint that are under way. */
export const CAPACITY = 256

/** Milliseconds after which connections are closed that nobody needs. */
const IDLE_MS = 60_000

interface KnownQueue {
  readonly webhookId: string
  readonly queue: EndpointQueue
  usedAt: number
}

/** Opens the queues of a sender; each has connections of its own, and is closed when it has not been used for a while. */
export function openEndpointQueues({
  rule,
  unwritten,
  lookup,
  timeoutMs,
  ...options
}: EndpointQueuesOptions): EndpointQueues {
  // Another one for another URL of the endpoint.
  const known = new Map<string, KnownQueue>()

  const queueOf = ({ delivery: { webhookId }, url }: OutgoingMessage): EndpointQueue => {
    const key = `${webhookId} ${url}`
    const usedAt = performance.now()
    const found = known.get(key)
    if (found !== undefined) {
      found.usedAt = usedAt
      return found.queue
    }
    const receiver = openReceiver(url, { rule, lookup, timeoutMs, connections: CONNECTIONS })
    const queue = openEndpointQueue({ ...options, receiver, connections: CONNECTIONS })
    known.set(key, { webhookId, queue, usedAt })
    return queue
  }
  const closeUnused = () => {
    for (const [key, { queue, usedAt }] of known) {
      if (queue.used() > 0 || performance.now() - usedAt < IDLE_MS) continue
      queue.close()
      known.delete(key)
    }
  }
  return {
    rooms() {
      closeUnused()
      const used = new Map<string, number>()
      for (const { webhookId, queue } of known.values()) {
        used.set(webhookId, (used.get(webhookId) ?? unwritten(webhookId)) + queue.used())
      }
      return new Map([...used].map(([webhookId, count]) => [webhookId, roomBeside(count)]))
    },
    replaying: () => [...known.values()].filter(({ queue }) => queue.isReplaying()).map(({ webhookId }) => webhookId),
    dispatch(messages) {
      const byQueue = Map.groupBy(messages, queueOf)
      for (const [queue, ofQueue] of byQueue) {
        const { replay = [], usual = [] } = Object.groupBy(ofQueue, ({ delivery }) =>
          delivery.isReplay ? 'replay' : 'usual',
        )
        queue.send(usual)
        queue.replay(replay)
      }
    },
    isIdle: () => [...known.values()].every(({ queue }) => queue.used() === 0),
    drain: () => [...known.values()].flatMap(({ queue }) => queue.drain()),
    close() {
      for (const { queue } of known.values()) queue.close()
      known.clear()
    },
  }
}

/** Many are claimed at a time: that costs hardly more than one. */
function roomBeside(used: number): number {
  return used > CAPACITY / 2 ? 0 : CAPACITY - used
}
