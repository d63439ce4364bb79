// slow: waits for Redis and for the feed
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { readConsumers } from '../../../core/event/consumers.ts'
import { enterpriseEventBus } from '../../../enterprise/event-bus/index.ts'
import { enrollmentFeed } from '../../../server/event-bus/enrollment-feed.ts'
import { eventually } from '../../support/eventually.ts'
import { entriesOf, hasRedis, openRedis } from '../../support/redis.ts'
import {
  enrollMany,
  lastCursorIn,
  LIFECYCLE,
  newDatabase,
  openBus,
  positionKeyIn,
  relayWithoutLease,
  UNENROLLMENT,
  untilSent,
  usernameOf,
  usernamesInOrder,
} from './bus.ts'

describe.skipIf(!hasRedis)(
  'the event bus says what is wrong, and has each entry once when it is right again:',
  async () => {
    const redis = hasRedis ? await openRedis() : (undefined as never) // Nothing below runs without it.
    afterAll(() => redis?.[Symbol.asyncDispose]())
    beforeEach(() => redis.client.flushall())

    const lifecycle = () => entriesOf(redis, LIFECYCLE)

    test('a position that is not ours', async () => {
      const db = await newDatabase()
      const bus = await openBus(db, redis)
      await redis.client.set(await positionKeyIn(db), '{"cursor":"latest"}')
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
      await eventually(async () => expect(await enrollmentFeed.end(db)).toBe(await lastCursorIn(db)))
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
      const send = await relayWithoutLease(db, redis.url, 300)
      const { signal } = new AbortController()
      // So little time is short for a Redis that lives, on a machine that stands still for a moment.
      await eventually(() => send(signal))
      await enrollMany(db, 500)
      redis.signal('SIGSTOP')
      try {
        await expect(send(signal)).rejects.toThrow('no answer within 300 ms')
        await expect(send(signal)).rejects.toThrow(/no answer within 300 ms|ETIMEDOUT/)
      } finally {
        redis.signal('SIGCONT')
      }
      await untilSent(db, () => send(signal).catch(() => {}))
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
  },
)

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
