// slow: waits for Redis and for the feed
import type { Kysely } from 'kysely'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import type { DB } from '../../../core/database/schema.ts'
import { readConsumers } from '../../../core/event/consumers.ts'
import { enterpriseEventBus } from '../../../enterprise/event-bus/index.ts'
import { createCaller } from '../../../routers/index.ts'
import { enrollmentFeed } from '../../../server/event-bus/enrollment-feed.ts'
import { redisConnection } from '../../../server/event-bus/redis.ts'
import { relayOf } from '../../../server/event-bus/relay.ts'
import { decodeEnrollment } from '../../support/avro.ts'
import { eventually } from '../../support/eventually.ts'
import { entriesOf, hasRedis, openRedis, type SeenEntry } from '../../support/redis.ts'
import { addCourse, addLearner } from '../../support/seed.ts'
import {
  collectingLog,
  enrollMany,
  enrollmentIn,
  lastCursorIn,
  LIFECYCLE,
  newDatabase,
  openBus,
  positionCopyIn,
  UNENROLLMENT,
  untilSent,
} from './bus.ts'

const POSITION = 'enrollment-service.event-bus.position'

describe.skipIf(!hasRedis)('the event bus', async () => {
  const redis = hasRedis ? await openRedis() : (undefined as never) // Nothing below runs without it.
  afterAll(() => redis?.[Symbol.asyncDispose]())
  beforeEach(() => redis.client.flushall())

  const lifecycle = () => entriesOf(redis, LIFECYCLE)

  test('is told every kind of change, in the types, the order and the streams of the contract', async () => {
    const db = await newDatabase()
    const bus = await openBus(db, redis)
    const [learner, courseId] = [await addLearner(db), await addCourse(db)]
    const call = enrollmentIn(db)
    const named = { username: learner.username, courseId }
    await call.enroll(named)
    await call.change({ ...named, mode: 'verified' })
    await call.change({ ...named, isActive: false })
    await call.enroll(named)
    await bus.send()
    expect((await lifecycle()).map(inShort)).toEqual([
      'enrollment.changed: active audit',
      'enrollment.created: active audit',
      'enrollment.changed: active verified',
      'enrollment.changed: inactive verified',
      'enrollment.changed: active audit',
      'enrollment.created: active audit',
    ])
    expect((await entriesOf(redis, UNENROLLMENT)).map(inShort)).toEqual(['unenrollment.completed: inactive verified'])
  })

  test('is told who was enrolled, where, and by which account', async () => {
    const db = await newDatabase()
    const bus = await openBus(db, redis)
    const learner = await addLearner(db, { name: 'Bób' })
    const staff = await addLearner(db)
    const courseId = await addCourse(db, { display_name: 'Demo', starts: '2026-01-01T00:00:00Z' })
    const now = () => new Date('2026-05-06T07:08:09.010Z')
    await createCaller({ db, actor: { kind: 'user', name: staff.username }, now }).enrollment.enroll({
      username: learner.username,
      courseId,
    })
    await bus.send()
    const [entry] = await lifecycle()
    expect(entry?.fields).toMatchObject({ source: 'openedx/enrollment-service/web', minorversion: '0' })
    expect(entry?.fields['time']).toBe('2026-05-06T07:08:09.010000+00:00')
    expect(entry && decodeEnrollment(entry.eventData)).toEqual({
      user: {
        id: learner.userId,
        is_active: true,
        pii: { username: learner.username, email: learner.email, name: 'Bób' },
      },
      course: { course_key: courseId, display_name: 'Demo', start: '2026-01-01T00:00:00+00:00', end: null },
      mode: 'audit',
      is_active: true,
      creation_date: '2026-05-06T07:08:09.010000+00:00',
      created_by: {
        id: staff.userId,
        is_active: true,
        pii: { username: staff.username, email: staff.email, name: '' },
      },
    })
  })

  test('begins with what is committed after the first start', async () => {
    const db = await newDatabase()
    await enrollMany(db, 2)
    await eventually(async () => expect(await enrollmentFeed.end(db)).toBe(await lastCursorIn(db)))
    const bus = await openBus(db, redis)
    const { usernames } = await enrollMany(db, 1)
    await bus.send()
    expect((await lifecycle()).map(usernameOf)).toEqual([usernames[0], usernames[0]])
  })

  test('begins with all that there is where the settings say so', async () => {
    const db = await newDatabase()
    await enrollMany(db, 2)
    await (await openBus(db, redis, { env: { EVENT_BUS_FROM: 'beginning' } })).send()
    expect(await lifecycle()).toHaveLength(4)
  })

  test('has lost nothing that was committed between the first start and a first Redis', async () => {
    const db = await newDatabase()
    await openBus(db, redis)
    await enrollMany(db, 2)
    const later = await openBus(db, redis)
    await later.send()
    expect(await lifecycle()).toHaveLength(4)
    expect(later.told).toEqual([])
  })

  test('goes on where it was after a restart', async () => {
    const db = await newDatabase()
    const first = await openBus(db, redis)
    await enrollMany(db, 2)
    await first.send()
    await first.bus[Symbol.asyncDispose]()
    await enrollMany(db, 3)
    await (await openBus(db, redis, { env: { EVENT_BUS_FROM: 'beginning' } })).send()
    expect(idsOf(await lifecycle())).toHaveLength(10)
    expect(new Set(idsOf(await lifecycle())).size).toBe(10)
  })

  test('sends to the topics of the settings, each with the prefix, and to none where the list is empty', async () => {
    const db = await newDatabase()
    const [changed, created] = ['changed', 'created'].map((kind) => `org.openedx.learning.course.enrollment.${kind}.v1`)
    const topics = JSON.stringify({ [created ?? '']: ['one', 'two'], [changed ?? '']: [] })
    const bus = await openBus(db, redis, { env: { EVENT_BUS_TOPIC_PREFIX: 'stage', EVENT_BUS_TOPICS: topics } })
    const { courseId, usernames } = await enrollMany(db, 1)
    await enrollmentIn(db).change({ username: usernames[0] ?? '', courseId, isActive: false })
    await bus.send()
    expect((await redis.client.keys('*')).toSorted()).toEqual([
      'stage-course-unenrollment-lifecycle',
      'stage-enrollment-service.event-bus.position',
      'stage-one',
      'stage-two',
    ])
    const [one, two] = [await entriesOf(redis, 'stage-one'), await entriesOf(redis, 'stage-two')]
    expect(idsOf(one)).toEqual(idsOf(two))
    expect(one.map(inShort)).toEqual(['enrollment.created: active audit'])
  })

  test('keeps about as many entries as the settings say', async () => {
    const db = await newDatabase()
    const bus = await openBus(db, redis, { env: { EVENT_BUS_STREAM_MAX_LEN: '100' } })
    await enrollMany(db, 600)
    await bus.send()
    const entries = await lifecycle()
    expect(entries.length).toBeGreaterThanOrEqual(100)
    expect(entries.length).toBeLessThan(400)
  })

  test('keeps a copy of the position in the database', async () => {
    const db = await newDatabase()
    const bus = await openBus(db, redis)
    await enrollMany(db, 700)
    await bus.send()
    const cursor = await lastCursorIn(db)
    expect(await positionCopyIn(db)).toBe(cursor)
    expect(JSON.parse((await redis.client.get(POSITION)) ?? '')).toEqual({ cursor })
  })

  test('has each entry once and in order, also when two processes send at the same time', async () => {
    const db = await newDatabase()
    await openBus(db, redis)
    const processes = Array.from({ length: 3 }, () => relayWithoutLease(db, redis.url))
    const { usernames } = await enrollMany(db, 3_000)
    const { signal } = new AbortController()
    const all = () =>
      Promise.all(
        processes.map(async (send) => {
          while (await send(signal));
        }),
      )
    await untilSent(db, all)
    expect((await lifecycle()).map(usernameOf)).toEqual(await usernamesInOrder(db, 2))
    expect(usernames).toHaveLength(3_000)
  })

  test('is sent to by one process, and by another once that is gone', async () => {
    const db = await newDatabase()
    const [first, second] = [await openBus(db, redis), await openBus(db, redis)]
    await first.send()
    await enrollMany(db, 1)
    await second.run(0)
    expect(await lifecycle()).toEqual([])
    await first.bus[Symbol.asyncDispose]()
    await (await openBus(db, redis)).send()
    expect(await lifecycle()).toHaveLength(2)
  })

  describe('when Redis has lost its data', () => {
    test('is sent the same entries again', async () => {
      const db = await newDatabase()
      const bus = await openBus(db, redis)
      await enrollMany(db, 20)
      await bus.send()
      const before = await lifecycle()
      await redis.client.flushall()
      await bus.send()
      const after = await lifecycle()
      expect(after.map(({ fields, eventData }) => [fields, eventData])).toEqual(
        before.map(({ fields, eventData }) => [fields, eventData]),
      )
      expect(bus.told.map(({ message }) => message)).toEqual([
        'Redis has lost the event bus: its entries are sent again',
      ])
    })

    test('is sent them as far as the streams would hold them, of each type, and none from before the first start', async () => {
      const db = await newDatabase()
      await enrollMany(db, 3)
      await eventually(async () => expect(await enrollmentFeed.end(db)).toBe(await lastCursorIn(db)))
      const bus = await openBus(db, redis, { env: { EVENT_BUS_STREAM_MAX_LEN: '10' } })
      const { courseId, usernames } = await enrollMany(db, 2)
      await enrollmentIn(db).change({ username: usernames[0] ?? '', courseId, isActive: false })
      await enrollMany(db, 50)
      await bus.send()
      const [before, ended] = [await lifecycle(), await entriesOf(redis, UNENROLLMENT)]
      await redis.client.flushall()
      await bus.send()
      const again = idsOf(await lifecycle())
      const info = (await redis.client.call('XINFO', 'STREAM', LIFECYCLE)) as unknown[] // Names and values, by the protocol.
      expect(info[info.indexOf('entries-added') + 1]).toBe(20)
      expect(again.slice(-10)).toEqual(idsOf(before).slice(-10))
      expect(idsOf(await entriesOf(redis, UNENROLLMENT))).toEqual(idsOf(ended))
    })

    test('goes on in order with what is new, also when it is lost again in between', async () => {
      const db = await newDatabase()
      const bus = await openBus(db, redis)
      await enrollMany(db, 900)
      await bus.send()
      await redis.client.flushall()
      await bus.runOnce()
      await enrollMany(db, 5)
      await redis.client.flushall()
      await bus.send()
      expect((await lifecycle()).map(usernameOf)).toEqual(await usernamesInOrder(db, 2))
    })

    test('goes on from an older state of it, with the same ids', async () => {
      const db = await newDatabase()
      const bus = await openBus(db, redis)
      await enrollMany(db, 5)
      await bus.send()
      const older = await Promise.all([LIFECYCLE, POSITION].map((key) => redis.client.dumpBuffer(key)))
      await enrollMany(db, 5)
      await bus.send()
      const before = await lifecycle()
      await redis.client.flushall()
      for (const [index, key] of [LIFECYCLE, POSITION].entries()) {
        await redis.client.restore(key, 0, older[index] ?? Buffer.alloc(0))
      }
      await bus.send()
      expect(idsOf(await lifecycle())).toEqual(idsOf(before))
    })
  })

  describe('says what is wrong, and sends each entry once when it is right again:', () => {
    test('a position that is not ours', async () => {
      const db = await newDatabase()
      const bus = await openBus(db, redis)
      await redis.client.set(POSITION, '{"cursor":"latest"}')
      await enrollMany(db, 1)
      await expect(bus.run(0)).rejects.toThrow('the position that Redis keeps is not one of this service')
      expect(await lifecycle()).toEqual([])
    })

    test('a stream whose name is that of something else', async () => {
      const db = await newDatabase()
      const bus = await openBus(db, redis)
      await redis.client.set(UNENROLLMENT, 'mine')
      await enrollMany(db, 1)
      await expect(bus.run(0)).rejects.toThrow(`the key ${UNENROLLMENT} of Redis is no stream`)
      await redis.client.del(UNENROLLMENT)
      await bus.send()
      expect(await lifecycle()).toHaveLength(2)
    })

    test('a stream that can take no more: the position does not move past what is missing', async () => {
      const db = await newDatabase()
      const bus = await openBus(db, redis)
      await redis.client.xadd(LIFECYCLE, '18446744073709551615-18446744073709551615', 'a', 'b')
      await enrollMany(db, 1)
      await expect(bus.run(0)).rejects.toThrow('Redis refused a part of a transaction: ERR')
      await redis.client.del(LIFECYCLE)
      await bus.send()
      expect(await lifecycle()).toHaveLength(2)
    })

    test('no memory', async () => {
      const db = await newDatabase()
      const bus = await openBus(db, redis)
      await enrollMany(db, 1)
      await redis.client.config('SET', 'maxmemory', '1')
      await expect(bus.run(0)).rejects.toThrow(/^Redis at 127\.0\.0\.1:\d+: OOM command not allowed/)
      await redis.client.config('SET', 'maxmemory', '0')
      await bus.send()
      expect(await lifecycle()).toHaveLength(2)
    })

    test('a replica, which cannot be written', async () => {
      const db = await newDatabase()
      const bus = await openBus(db, redis)
      await enrollMany(db, 1)
      await redis.client.replicaof('127.0.0.1', 1)
      await expect(bus.run(0)).rejects.toThrow(/READONLY/)
      await redis.client.replicaof('NO', 'ONE')
      await bus.send()
      expect(await lifecycle()).toHaveLength(2)
    })

    test('a Redis that has gone silent: nobody waits for it longer than allowed', async () => {
      const db = await newDatabase()
      await openBus(db, redis)
      const send = relayWithoutLease(db, redis.url, 300)
      const { signal } = new AbortController()
      await send(signal)
      await enrollMany(db, 500)
      redis.signal('SIGSTOP')
      try {
        await expect(send(signal)).rejects.toThrow('no answer within 300 ms')
        await expect(send(signal)).rejects.toThrow(/no answer within 300 ms|ETIMEDOUT/)
      } finally {
        redis.signal('SIGCONT')
      }
      await untilSent(db, () => send(signal))
      expect((await lifecycle()).map(usernameOf)).toEqual(await usernamesInOrder(db, 2))
    })

    test('what it failed with last stands beside its position and its lag, until it works', async () => {
      const db = await newDatabase()
      const away = await openBus(db, { url: 'redis://:secret@127.0.0.1:1' }, { extensions: [enterpriseEventBus] })
      await enrollMany(db, 3)
      await expect(away.run(0)).rejects.toThrow('ECONNREFUSED')
      await expect(away.run(1)).rejects.toThrow('ECONNREFUSED')
      const failed = { name: 'event-bus', lagEvents: 3, lastError: expect.stringContaining('ECONNREFUSED') }
      expect(await readConsumers(db, new Date())).toEqual([expect.objectContaining(failed)])
      await away.bus[Symbol.asyncDispose]()
      await (await openBus(db, redis)).send()
      expect(await readConsumers(db, new Date())).toEqual([
        { name: 'event-bus', cursor: await lastCursorIn(db), lagEvents: 0, lagSeconds: 0, lastError: null },
      ])
    })

    test('a Redis that is not there', async () => {
      const db = await newDatabase()
      const bus = await openBus(db, { url: 'redis://:secret@127.0.0.1:1' })
      await enrollMany(db, 1)
      await expect(bus.run(0)).rejects.toThrow(/^Redis at 127\.0\.0\.1:1: .*ECONNREFUSED/)
    })

    test('the end of the server, which waits for no Redis', async () => {
      const db = await newDatabase()
      const { bus } = await openBus(db, redis)
      const end = new AbortController()
      redis.signal('SIGSTOP')
      try {
        const sending = bus.steps[0]?.run(end.signal)
        setTimeout(() => end.abort(), 100)
        await expect(sending).rejects.toThrow('the connection has ended')
      } finally {
        redis.signal('SIGCONT')
      }
    })
  })
})

describe.skipIf(!hasRedis)('a Redis with a password', () => {
  test('is let in with it, and tells nobody a wrong one', async () => {
    await using redis = await openRedis('--requirepass', 'hush-hush')
    const db = await newDatabase()
    const url = (password: string) => redis.url.replace('//', `//:${password}@`)
    const wrong = await openBus(db, { url: url('hush-wrong') })
    const failure = await wrong.run(0).catch((error: unknown) => error)
    expect(failure).toMatchObject({ message: expect.stringMatching(/WRONGPASS|NOAUTH/) })
    expect(JSON.stringify(failure, Object.getOwnPropertyNames(failure))).not.toContain('hush')
    await wrong.bus[Symbol.asyncDispose]()
    const right = await openBus(db, { url: url('hush-hush') })
    await enrollMany(db, 1)
    await right.send()
    await redis.client.auth('hush-hush')
    expect(await entriesOf(redis, LIFECYCLE)).toHaveLength(2)
  })
})

/** What sends as a process does that thinks it is alone. */
function relayWithoutLease(db: Kysely<DB>, url: string, timeoutMs?: number) {
  const { hostname, port } = new URL(url)
  return relayOf({
    db,
    feed: enrollmentFeed,
    log: collectingLog().log,
    redis: redisConnection({ host: hostname, port: Number(port), database: 0, isEncrypted: false }, timeoutMs),
    lease: { hold: async () => true, release: async () => {} },
    key: POSITION,
    streamsOf: (type) => enrollmentFeed.types.find((one) => one.type === type)?.topics ?? [],
    maxLen: 10_000,
  })
}

function inShort({ fields, eventData }: SeenEntry): string {
  const { mode, is_active: isActive } = decodeEnrollment(eventData)
  const [type] = /\w+\.\w+(?=\.v1$)/.exec(fields['type'] ?? '') ?? []
  return `${type}: ${isActive ? 'active' : 'inactive'} ${mode}`
}

function usernameOf({ eventData }: SeenEntry): string {
  return decodeEnrollment(eventData).user.pii.username
}

function idsOf(entries: readonly SeenEntry[]): string[] {
  return entries.map(({ fields }) => fields['id'] ?? '')
}

/** Those of all events in the order of the feed, each so many times. */
async function usernamesInOrder(db: Kysely<DB>, times: number): Promise<string[]> {
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
