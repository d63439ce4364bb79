// slow: waits for Redis and for the feed
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { enrollmentFeed } from '../../../server/event-bus/enrollment-feed.ts'
import { eventually } from '../../support/eventually.ts'
import { entriesOf, hasRedis, openRedis } from '../../support/redis.ts'
import {
  enrollMany,
  enrollmentIn,
  idsOf,
  lastCursorIn,
  LIFECYCLE,
  newDatabase,
  openBus,
  positionKeyIn,
  UNENROLLMENT,
  usernameOf,
  usernamesInOrder,
} from './bus.ts'

describe.skipIf(!hasRedis)('when Redis has lost its data the event bus', async () => {
  const redis = hasRedis ? await openRedis() : (undefined as never) // Nothing below runs without it.
  afterAll(() => redis?.[Symbol.asyncDispose]())
  beforeEach(() => redis.client.flushall())

  const lifecycle = () => entriesOf(redis, LIFECYCLE)

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
    expect(bus.told.map(({ message }) => message)).toEqual(['Redis has lost the event bus: its entries are sent again'])
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
    const keys = [LIFECYCLE, await positionKeyIn(db)]
    const older = await Promise.all(keys.map((key) => redis.client.dumpBuffer(key)))
    await enrollMany(db, 5)
    await bus.send()
    const before = await lifecycle()
    await redis.client.flushall()
    for (const [index, key] of keys.entries()) {
      await redis.client.restore(key, 0, older[index] ?? Buffer.alloc(0))
    }
    await bus.send()
    expect(idsOf(await lifecycle())).toEqual(idsOf(before))
  })
})
