import { setTimeout as sleep } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import { onTestFinished } from 'vitest'
import type { DB } from '../../../core/database/schema.ts'
import { createCaller } from '../../../routers/index.ts'
import { readConfig, type Environment } from '../../../server/config.ts'
import type { ExtensionEventBus } from '../../../server/event-bus/feed.ts'
import { openEventBus } from '../../../server/event-bus/open.ts'
import { enrollmentFeed } from '../../../server/event-bus/enrollment-feed.ts'
import { redisConnection } from '../../../server/event-bus/redis.ts'
import { relayOf } from '../../../server/event-bus/relay.ts'
import { decodeEnrollment } from '../../support/avro.ts'
import type { SeenEntry } from '../../support/redis.ts'
import { createTestDatabase } from '../../support/database.ts'
import { addCourse, addLearners } from '../../support/seed.ts'

export const LIFECYCLE = 'course-enrollment-lifecycle'
export const UNENROLLMENT = 'course-unenrollment-lifecycle'

export interface Told {
  readonly fields: object
  readonly message: string
}

/** What the log was told. */
export function collectingLog() {
  const told: Told[] = []
  return { told, log: { warn: (fields: object, message: string) => void told.push({ fields, message }) } }
}

/** A database of its own for the length of the test. */
export async function newDatabase(): Promise<Kysely<DB>> {
  const database = await createTestDatabase()
  onTestFinished(() => database[Symbol.asyncDispose]())
  return database.db
}

/** One process with an event bus, for the length of the test. */
export async function openBus(
  db: Kysely<DB>,
  { url }: { readonly url: string },
  { env = {}, extensions = [] }: { env?: Environment; extensions?: readonly ExtensionEventBus[] } = {},
) {
  const config = readConfig({ EVENT_BUS_REDIS_URL: url, ...env }).eventBus
  if (config === undefined) throw new Error('There is an event bus where there is an address')
  const { told, log } = collectingLog()
  const bus = await openEventBus({ db, config, log, extensions })
  onTestFinished(() => bus[Symbol.asyncDispose]())
  const { signal } = new AbortController()
  const run = async (index: number) => {
    while (await bus.steps[index]?.run(signal));
  }
  return {
    told,
    bus,
    /** Does all that there is to do by now. */
    run,
    /** Sends everything that is committed: transactions of other tests may hold it back for a moment. */
    send: () => untilSent(db, () => run(0)),
    /** Does a part of it. */
    runOnce: (index = 0) => bus.steps[index]?.run(signal),
  }
}

/** Repeats some sending until the copy of the position is that of the last event. */
export async function untilSent(db: Kysely<DB>, send: () => Promise<unknown>): Promise<void> {
  for (let attempt = 0; attempt < 3_000; attempt += 1) {
    await send()
    if ((await positionCopyIn(db)) === (await lastCursorIn(db))) return
    await sleep(20)
  }
  throw new Error('Not everything was sent')
}

/** The key under which Redis keeps the position. */
export async function positionKeyIn(db: Kysely<DB>): Promise<string> {
  const { id } = await db
    .selectFrom('event_bus_feeds')
    .select('id')
    .where('name', '=', 'event-bus')
    .executeTakeFirstOrThrow()
  return `enrollment-service.event-bus.${id}`
}

/** The place of the last event that is committed, whether the feed shows it yet or not. */
export async function lastCursorIn(db: Kysely<DB>): Promise<string> {
  const last = await db
    .selectFrom('enrollment_events')
    .select(['transaction_id', 'id'])
    .orderBy('transaction_id', 'desc')
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
  return last === undefined ? '0-0' : `${last.transaction_id}-${last.id}`
}

export async function positionCopyIn(db: Kysely<DB>): Promise<string | null> {
  const { cursor } = await db
    .selectFrom('feed_checkpoints')
    .select('cursor')
    .where('consumer', '=', 'event-bus')
    .executeTakeFirstOrThrow()
  return cursor
}

/** Enrolls as many new learners in one course run, in one batch. */
export async function enrollMany(db: Kysely<DB>, count: number): Promise<{ courseId: string; usernames: string[] }> {
  const courseId = await addCourse(db)
  const usernames = (await addLearners(db, count)).map(({ username }) => username)
  await enrollmentIn(db).enrollMany({ items: usernames.map((username) => ({ username, courseId })) })
  return { courseId, usernames }
}

export function enrollmentIn(db: Kysely<DB>) {
  return createCaller({ db, actor: { kind: 'service', name: 'tests' } }).enrollment
}

/** What sends as a process does that thinks it is alone. */
export async function relayWithoutLease(db: Kysely<DB>, url: string, timeoutMs?: number) {
  const { hostname, port } = new URL(url)
  return relayOf({
    db,
    feed: enrollmentFeed,
    log: collectingLog().log,
    redis: redisConnection({ host: hostname, port: Number(port), database: 0, isEncrypted: false }, timeoutMs),
    lease: { hold: async () => true, release: async () => {} },
    key: await positionKeyIn(db),
    streamsOf: (type) => enrollmentFeed.types.find((one) => one.type === type)?.topics ?? [],
    maxLen: 10_000,
  })
}

export function inShort({ fields, eventData }: SeenEntry): string {
  const { mode, is_active: isActive } = decodeEnrollment(eventData)
  const [type] = /\w+\.\w+(?=\.v1$)/.exec(fields['type'] ?? '') ?? []
  return `${type}: ${isActive ? 'active' : 'inactive'} ${mode}`
}

export function usernameOf({ eventData }: SeenEntry): string {
  return decodeEnrollment(eventData).user.pii.username
}

export function idsOf(entries: readonly SeenEntry[]): string[] {
  return entries.map(({ fields }) => fields['id'] ?? '')
}

/** Those of all events in the order of the feed, each so many times. */
export async function usernamesInOrder(db: Kysely<DB>, times: number): Promise<string[]> {
  const found: string[] = []
  for (let after = '0-0'; ;) {
    const { events, cursor } = await feedIn(db).list({ after, limit: 1_000 })
    if (events.length === 0) return found
    found.push(...events.flatMap(({ username }) => Array.from({ length: times }, () => username)))
    after = cursor
  }
}

function feedIn(db: Kysely<DB>) {
  return createCaller({ db, actor: { kind: 'service', name: 'tests' } }).events
}
