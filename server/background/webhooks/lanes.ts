import type { AddressRule } from '../../../core/webhook/address.ts'
import type { ClaimedDelivery } from '../../../core/webhook/claim.ts'
import type { OutgoingMessage } from '../../../core/webhook/messages.ts'
import { openLane, type Lane, type LaneOptions } from './lane.ts'
import { openReceiver, type ReceiverOptions } from './post.ts'

/** What is under way to all endpoints, in a lane for each. */
export interface Lanes {
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

export interface LanesOptions
  extends Omit<LaneOptions, 'receiver' | 'connections'>, Pick<ReceiverOptions, 'lookup' | 'timeoutMs'> {
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

interface KnownLane {
  readonly webhookId: string
  readonly lane: Lane
  usedAt: number
}

/** Opens the lanes of a sender; each has connections of its own, and is closed when it has not been used for a while. */
export function openLanes({ rule, unwritten, lookup, timeoutMs, ...options }: LanesOptions): Lanes {
  // Another one for another URL of the endpoint.
  const known = new Map<string, KnownLane>()

  const laneOf = ({ delivery: { webhookId }, url }: OutgoingMessage): Lane => {
    const key = `${webhookId} ${url}`
    const usedAt = performance.now()
    const found = known.get(key)
    if (found !== undefined) {
      found.usedAt = usedAt
      return found.lane
    }
    const receiver = openReceiver(url, { rule, lookup, timeoutMs, connections: CONNECTIONS })
    const lane = openLane({ ...options, receiver, connections: CONNECTIONS })
    known.set(key, { webhookId, lane, usedAt })
    return lane
  }
  const closeUnused = () => {
    for (const [key, { lane, usedAt }] of known) {
      if (lane.used() > 0 || performance.now() - usedAt < IDLE_MS) continue
      lane.close()
      known.delete(key)
    }
  }
  return {
    rooms() {
      closeUnused()
      const used = new Map<string, number>()
      for (const { webhookId, lane } of known.values()) {
        used.set(webhookId, (used.get(webhookId) ?? unwritten(webhookId)) + lane.used())
      }
      return new Map([...used].map(([webhookId, count]) => [webhookId, roomBeside(count)]))
    },
    replaying: () => [...known.values()].filter(({ lane }) => lane.isReplaying()).map(({ webhookId }) => webhookId),
    dispatch(messages) {
      const byLane = Map.groupBy(messages, laneOf)
      for (const [lane, ofLane] of byLane) {
        const { replay = [], usual = [] } = Object.groupBy(ofLane, ({ delivery }) =>
          delivery.isReplay ? 'replay' : 'usual',
        )
        lane.send(usual)
        lane.replay(replay)
      }
    },
    isIdle: () => [...known.values()].every(({ lane }) => lane.used() === 0),
    drain: () => [...known.values()].flatMap(({ lane }) => lane.drain()),
    close() {
      for (const { lane } of known.values()) lane.close()
      known.clear()
    },
  }
}

/** Many are claimed at a time: that costs hardly more than one. */
function roomBeside(used: number): number {
  return used > CAPACITY / 2 ? 0 : CAPACITY - used
}
