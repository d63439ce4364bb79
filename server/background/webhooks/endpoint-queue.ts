import { ATTEMPT_RESERVE_MS, type ClaimedDelivery } from '../../../core/webhook/claim.ts'
import type { OutgoingMessage } from '../../../core/webhook/messages.ts'
import type { Receiver } from './post.ts'

/** What is under way to one endpoint. */
export interface EndpointQueue {
  /** How many messages wait or are sent. */
  used(): number
  isReplaying(): boolean
  /** Sends messages side by side, as many at a time as there are connections. */
  send(messages: readonly OutgoingMessage[]): void
  /** Sends messages one after another; later versions of an enrollment whose message fails are left out. */
  replay(messages: readonly OutgoingMessage[]): void
  /** Takes back what was not begun. */
  drain(): ClaimedDelivery[]
  close(): void
}

export interface EndpointQueueOptions {
  readonly receiver: Receiver
  readonly connections: number
  /** @returns whether the message has arrived. */
  readonly send: (message: OutgoingMessage, receiver: Receiver) => Promise<boolean>
  readonly handBack: (deliveries: readonly ClaimedDelivery[]) => unknown
  readonly now: () => Date
}

/** Opens the queue of an endpoint. */
export function openEndpointQueue({ receiver, connections, send, handBack, now }: EndpointQueueOptions): EndpointQueue {
  const waiting: OutgoingMessage[] = []
  const replays: OutgoingMessage[] = []
  let active = 0
  let isReplaying = false

  /** Whether an attempt ends before others may claim the delivery. */
  const isInTime = ({ delivery }: OutgoingMessage) => now().getTime() + ATTEMPT_RESERVE_MS <= delivery.claimedUntil

  const sendNext = () => {
    while (active < connections) {
      const message = waiting.shift()
      if (message === undefined) return
      if (!isInTime(message)) {
        handBack(deliveriesOf([message, ...waiting.splice(0)]))
        return
      }
      active += 1
      void send(message, receiver).finally(() => {
        active -= 1
        sendNext()
      })
    }
  }
  const replayAll = async () => {
    const failed = new Set<string | undefined>()
    const left: OutgoingMessage[] = []
    for (let message = replays.shift(); message !== undefined; message = replays.shift()) {
      const enrollmentId = message.delivery.event?.enrollmentId
      const isBlocked = enrollmentId !== undefined && failed.has(enrollmentId)
      if (isBlocked || !isInTime(message)) left.push(message)
      else if (!(await send(message, receiver))) failed.add(enrollmentId)
    }
    await handBack(deliveriesOf(left))
    isReplaying = false
  }
  return {
    used: () => waiting.length + active + replays.length + Number(isReplaying),
    isReplaying: () => isReplaying,
    send(messages) {
      waiting.push(...messages)
      sendNext()
    },
    replay(messages) {
      replays.push(...messages)
      if (isReplaying || messages.length === 0) return
      isReplaying = true
      void replayAll()
    },
    drain: () => deliveriesOf([...waiting.splice(0), ...replays.splice(0)]),
    close: () => receiver.close(),
  }
}

function deliveriesOf(messages: readonly OutgoingMessage[]): ClaimedDelivery[] {
  return messages.map(({ delivery }) => delivery)
}
