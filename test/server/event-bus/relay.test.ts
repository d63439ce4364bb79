// slow: waits for Redis and for the feed
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { createCaller } from '../../../routers/index.ts'
import { enrollmentFeed } from '../../../server/event-bus/enrollment-feed.ts'
import { decodeEnrollment } from '../../support/avro.ts'
import { eventually } from '../../support/eventually.ts'
import { entriesOf, hasRedis, openRedis } from '../../support/redis.ts'
import { addCourse, addLearner } from '../../support/seed.ts'
import {
  enrollMany,
  enrollmentIn,
  idsOf,
  inShort,
  lastCursorIn,
  LIFECYCLE,
  newDatabase,
  openBus,
  positionCopyIn,
  positionKeyIn,
  relayWithoutLease,
  UNENROLLMENT,
  untilSent,
  usernameOf,
  usernamesInOrder,
} from './bus.ts'

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
      `stage-${await positionKeyIn(db)}`,
      'stage-one',
      'stage-two',
    ])
    const [one, two] = [await entriesOf(redis, 'stage-one'), await entriesOf(redis, 'stage-two')]
    expect(idsOf(one)).toEqual(idsOf(two))
    expect(one.map(inShort)).toEqual(['enrollment.created: active audit'])
  })

  test('is shared with another database on the same Redis, whose position is its own', async () => {
    const dbs = [await newDatabase(), await newDatabase()]
    const buses = await Promise.all(dbs.map((db) => openBus(db, redis)))
    for (const [index, db] of dbs.toReversed().entries()) await enrollMany(db, index + 1)
    for (const bus of buses) await bus.send()
    expect(await lifecycle()).toHaveLength(6)
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
    expect(JSON.parse((await redis.client.get(await positionKeyIn(db))) ?? '')).toEqual({ cursor })
  })

  test('has each entry once and in order, also when two processes send at the same time', async () => {
    const db = await newDatabase()
    await openBus(db, redis)
    const processes = await Promise.all(Array.from({ length: 3 }, () => relayWithoutLease(db, redis.url)))
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
})
