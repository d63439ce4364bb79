// slow: starts processes and kills them
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { createCaller } from '../../../routers/index.ts'
import { consumeFeed, type FeedConsumer } from '../../../server/background/feed-consumer.ts'
import { createTestDatabase } from '../../support/database.ts'
import { addCourse, addLearners } from '../../support/seed.ts'
import type { ConsumerProcessOptions } from './consumer-process.ts'
import { eventually } from '../../support/eventually.ts'

const EVENTS = 60
const PROGRAM = join(import.meta.dirname, 'consumer-process.ts')
const NOW = new Date('2026-03-01T12:00:00.000Z')

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db, connectionString } = database
const caller = createCaller({ db, actor: { kind: 'service', name: 'tests' } })
let names = 0
/** Of all events, in the order of the feed. */
let ids: readonly string[] = []

beforeAll(async () => {
  await sql`create table consumed (consumer text, event_id bigint, pid integer)`.execute(db)
  const courseId = await addCourse(db)
  const learners = await addLearners(db, EVENTS)
  await caller.enrollment.enrollMany({ items: learners.map(({ username }) => ({ username, courseId })) })
  // The feed shows what is older than every running transaction of the server, those of other tests too.
  ids = await eventually(async () => {
    const { events } = await caller.events.list({ limit: 1000 })
    if (events.length < EVENTS) throw new Error('Not all are shown yet')
    return events.map(({ id }) => id)
  })
})

describe('a consumer', () => {
  test('gets every event once, in the order of the feed, as many at a time as it likes', async () => {
    const { consumer, seen } = writer()
    const steps: number[] = []
    while (steps.at(-1) !== 0) steps.push(await consumeFeed(db, consumer, { limit: 25 }))
    expect(steps).toEqual([25, 25, 10, 0])
    expect(seen).toEqual(ids)
    expect(await consumedBy(consumer)).toEqual(ids)
  })

  test('goes on after its checkpoint when something new has happened, and knows nothing of others', async () => {
    const [one, other] = [writer(), writer()]
    expect(await consumeFeed(db, one.consumer, { limit: 10, now: () => NOW })).toBe(10)
    expect(await consumeFeed(db, other.consumer, { limit: 3 })).toBe(3)
    expect(await consumeFeed(db, one.consumer, { limit: 2, now: () => NOW })).toBe(2)
    expect([one.seen, other.seen]).toEqual([ids.slice(0, 12), ids.slice(0, 3)])
    expect(await checkpointOf(one.consumer)).toEqual({
      cursor: expect.stringMatching(new RegExp(`-${ids[11]}$`)),
      updated: '2026-03-01T12:00:00Z',
    })
  })

  test('that fails keeps nothing and stays where it is: the same events come again', async () => {
    const { consumer, seen } = writer()
    await consumeFeed(db, consumer, { limit: 5 })
    const before = await checkpointOf(consumer)
    const failing: FeedConsumer = {
      ...consumer,
      async apply(trx, events) {
        await consumer.apply(trx, events)
        throw new Error('not today')
      },
    }
    for (let n = 0; n < 2; n += 1) {
      await expect(consumeFeed(db, failing, { limit: 5 })).rejects.toThrow('not today')
      expect(await checkpointOf(consumer)).toEqual(before)
      expect(await consumedBy(consumer)).toEqual(ids.slice(0, 5))
    }
    seen.splice(0)
    expect(await consumeFeed(db, consumer, { limit: 5 })).toBe(5)
    expect(seen).toEqual(ids.slice(5, 10))
    expect(await consumedBy(consumer)).toEqual(ids.slice(0, 10))
  })

  test('that fails before its first checkpoint begins at the start', async () => {
    const { consumer } = writer()
    const failing = { ...consumer, apply: () => Promise.reject(new Error('not today')) }
    await expect(consumeFeed(db, failing)).rejects.toThrow('not today')
    expect(await checkpointOf(consumer)).toMatchObject({ cursor: null })
    expect(await consumeFeed(db, consumer)).toBe(EVENTS)
  })

  test('whose transaction the database ended because of a conflict begins again at once', async () => {
    const { consumer } = writer()
    let attempts = 0
    const conflicting: FeedConsumer = {
      ...consumer,
      async apply(trx, events) {
        attempts += 1
        await consumer.apply(trx, events)
        if (attempts < 3) await sql`do $$ begin raise exception using errcode = '40001'; end $$`.execute(trx)
      },
    }
    expect(await consumeFeed(db, conflicting)).toBe(EVENTS)
    expect([attempts, await consumedBy(consumer)]).toEqual([3, ids])
  })
})

describe('several processes with one consumer', () => {
  test('while one is in the middle of a step, the others find nothing to do and wait for nobody', async () => {
    const { consumer } = writer()
    const [begun, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const slow = consumeFeed(db, {
      ...consumer,
      async apply(trx, events) {
        await consumer.apply(trx, events)
        begun.resolve()
        await end.promise
      },
    })
    await begun.promise
    expect(await consumeFeed(db, consumer)).toBe(0)
    end.resolve()
    expect(await slow).toBe(EVENTS)
    expect(await consumedBy(consumer)).toEqual(ids)
  })

  test('share the work, and each event is applied once', async () => {
    const { consumer } = writer()
    const processes = Array.from({ length: 3 }, () => startProcess({ name: consumer.name, limit: 1 }))
    expect(await Promise.all(processes.map(({ exit }) => exit))).toEqual([0, 0, 0])
    expect(await consumedBy(consumer)).toEqual(ids)
  })

  test('one that is killed in the middle of a step loses nothing: another does it once', async () => {
    const { consumer } = writer()
    await consumeFeed(db, consumer, { limit: 20 })
    const killed = startProcess({ name: consumer.name, limit: 20, hangs: true })
    await killed.inTheMiddle
    expect(await consumeFeed(db, consumer)).toBe(0)
    killed.kill()
    await killed.exit
    await eventually(async () => expect(await consumeFeed(db, consumer)).toBe(EVENTS - 20))
    expect(await consumedBy(consumer)).toEqual(ids)
    expect(await pidsOf(consumer)).toEqual([process.pid])
  })

  test('of two servers one consumes; when it is killed the other takes over by itself', async () => {
    const { consumer } = writer()
    const killed = startProcess({ name: consumer.name, limit: EVENTS, hangs: true, isServer: true })
    await killed.inTheMiddle
    const other = startProcess({ name: consumer.name, limit: EVENTS, isServer: true })
    await sleep(1_500)
    expect(await consumedBy(consumer)).toEqual([])
    killed.kill()
    // Nobody tells it: where it did not look by itself, so would this test wait.
    expect(await other.exit).toBe(0)
    expect(await consumedBy(consumer)).toEqual(ids)
    expect(await pidsOf(consumer)).toEqual([other.pid])
  })
})

/** A consumer of its own, which keeps each event in a table; `seen` are those that it was given. */
function writer(): { consumer: FeedConsumer; seen: string[] } {
  names += 1
  const [name, seen]: [string, string[]] = [`writer${names}`, []]
  const apply: FeedConsumer['apply'] = async (trx, events) => {
    seen.push(...events.map(({ id }) => id))
    const given = events.map(({ id }) => id)
    await sql`insert into consumed (consumer, event_id, pid)
      select ${name}, e, ${process.pid} from unnest(${given}::bigint[]) e`.execute(trx)
  }
  return { consumer: { name, apply }, seen }
}

function startProcess(how: { name: string; limit: number; hangs?: boolean; isServer?: boolean }) {
  const options: ConsumerProcessOptions = {
    connectionString,
    hangs: false,
    isServer: false,
    count: EVENTS,
    ...how,
  }
  const child = spawn(process.execPath, [PROGRAM, JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  return {
    pid: child.pid,
    inTheMiddle: once(child.stdout, 'data'),
    exit: once(child, 'exit').then(([code]: unknown[]) => code),
    kill: () => child.kill('SIGKILL'),
  }
}

async function consumedBy({ name }: FeedConsumer): Promise<string[]> {
  const { rows } = await sql<{ event_id: string }>`
    select event_id from consumed where consumer = ${name} order by event_id`.execute(db)
  return rows.map((row) => row.event_id)
}

async function pidsOf({ name }: FeedConsumer): Promise<number[]> {
  const { rows } = await sql<{ pid: number }>`select distinct pid from consumed where consumer = ${name}`.execute(db)
  return rows.map(({ pid }) => pid)
}

function checkpointOf({ name }: FeedConsumer) {
  return db.selectFrom('feed_checkpoints').select(['cursor', 'updated']).where('consumer', '=', name).executeTakeFirst()
}
