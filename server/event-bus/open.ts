import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import { feedChanges } from '../../core/event/listen.ts'
import type { WorkerStep } from '../background/loop.ts'
import { fixStart } from './copy.ts'
import { enrollmentFeed } from './enrollment-feed.ts'
import type { BusEventType, BusFeed, BusReceiver, ExtensionEventBus } from './feed.ts'
import { leaseOf, type Lease } from './lease.ts'
import { receptionOf } from './receive.ts'
import { redisConnection, type RedisConnection } from './redis.ts'
import { relayOf } from './relay.ts'
import type { EventBusConfig } from './settings.ts'

export interface EventBusOptions {
  /** A pool. */
  readonly db: Kysely<DB>
  readonly config: EventBusConfig
  readonly log: { warn(fields: object, message: string): void }
  /** What extensions send and take in. */
  readonly extensions: readonly ExtensionEventBus[]
}

/** The event bus of the platform; disposing of it ends its connections, after its work has ended. */
export interface EventBus extends AsyncDisposable {
  /** The work, to be repeated. */
  readonly steps: readonly WorkerStep[]
}

/** How soon what is new is looked for, and a Redis that was away is tried again, in milliseconds. */
const [INTERVAL_MS, MAX_BACKOFF_MS] = [1_000, 5_000]

/** How long the end waits for the database, which need not be there any more. */
const RELEASE_MS = 500

/**
 * Opens the event bus: fixes where its feeds begin, and connects to nothing yet. A Redis that is away keeps no server from
 * starting.
 */
export async function openEventBus({ db, config, log, extensions }: EventBusOptions): Promise<EventBus> {
  const feeds: { readonly feed: BusFeed; readonly id: string }[] = []
  for (const feed of feedsOf(extensions)) {
    const { id } = await fixStart(db, feed, config.from, new Date())
    feeds.push({ feed, id })
  }
  const holder = randomUUID()
  const connections: RedisConnection[] = []
  const connection = (): RedisConnection => {
    const opened = redisConnection(config.redis)
    connections.push(opened)
    return opened
  }
  const leases: Lease[] = []
  const sending = feeds.map(({ feed, id }) => {
    const lease = leaseOf(db, feed.name, holder)
    leases.push(lease)
    const streamsOf = (type: string) => streamsOfType(feed.types, type, config)
    const key = withPrefix(config, `enrollment-service.${feed.name}.${id}`)
    const maxLen = config.streamMaxLen
    const send = relayOf({ db, log, feed, redis: connection(), lease, key, streamsOf, maxLen })
    return { ...step(`sending to the event bus (${feed.name})`, send), consumer: feed.name, wake: feedChanges(db).next }
  })
  const receiving = receiversOf(extensions).flatMap((receiver) =>
    streamsOfAll(receiver.types, config).map((stream) =>
      step(
        `receiving from the event bus (${receiver.name}, ${stream})`,
        receptionOf({ db, log, receiver, redis: connection(), stream }),
      ),
    ),
  )
  return {
    steps: [...sending, ...receiving],
    async [Symbol.asyncDispose]() {
      for (const each of connections) each[Symbol.dispose]()
      const released = Promise.allSettled(leases.map((lease) => lease.release()))
      await Promise.race([released, sleep(RELEASE_MS, undefined, { ref: false })])
    },
  }
}

/** Names the types of the settings that nobody sends or takes in, which may be misspelt. */
export function unknownTypes(config: EventBusConfig, extensions: readonly ExtensionEventBus[]): string[] {
  const known = [...feedsOf(extensions), ...receiversOf(extensions)].flatMap(({ types }) =>
    types.map(({ type }) => type),
  )
  return Object.keys(config.topics).filter((type) => !known.includes(type))
}

function feedsOf(extensions: readonly ExtensionEventBus[]): BusFeed[] {
  return [enrollmentFeed, ...extensions.flatMap(({ feeds = [] }) => feeds)]
}

function receiversOf(extensions: readonly ExtensionEventBus[]): BusReceiver[] {
  return extensions.flatMap(({ receivers = [] }) => receivers)
}

function step(name: string, run: WorkerStep['run']): WorkerStep {
  return { name, run, intervalMs: INTERVAL_MS, maxBackoffMs: MAX_BACKOFF_MS }
}

function streamsOfAll(types: readonly BusEventType[], config: EventBusConfig): string[] {
  return [...new Set(types.flatMap(({ type }) => streamsOfType(types, type, config)))]
}

function streamsOfType(types: readonly BusEventType[], type: string, config: EventBusConfig): string[] {
  const topics = config.topics[type] ?? types.find((one) => one.type === type)?.topics ?? []
  return topics.map((topic) => withPrefix(config, topic))
}

function withPrefix({ topicPrefix }: EventBusConfig, name: string): string {
  return topicPrefix === undefined ? name : `${topicPrefix}-${name}`
}
