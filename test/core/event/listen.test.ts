import { setTimeout as sleep } from 'node:timers/promises'
import { Kysely, PostgresDialect, sql } from 'kysely'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { openDatabase } from '../../../core/database/open.ts'
import type { DB } from '../../../core/database/schema.ts'
import { feedChanges } from '../../../core/event/listen.ts'
import { cursorOf, FEED_START } from '../../../core/event/cursor.ts'
import { createCaller } from '../../../routers/index.ts'
import { createTestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'
import { untilShown } from '../../support/feed.ts'
import { openPool } from '../../support/open-pool.ts'
import { addCourse, addLearners } from '../../support/seed.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db, connectionString } = database
const actor = { kind: 'service', name: 'tests' } as const
const NEVER = new AbortController().signal
const courseId = await addCourse(db)

describe('whoever waits is woken by', () => {
  test.each([
    ['a call on the pool', async (username: string) => void (await enroll(username))],
    [
      'a call in a transaction of its owner',
      async (username: string) =>
        db
          .transaction()
          .execute(async (trx) => void (await createCaller({ db: trx, actor }).enrollment.enroll(of(username)))),
    ],
    [
      'a batch that is one transaction',
      async (username: string) =>
        void (await createCaller({ db, actor }).enrollment.enrollMany({
          items: [of(username)],
          failureMode: 'strict',
        })),
    ],
    [
      'a call in a transaction on a pool of somebody else',
      async (username: string) => {
        await using foreign = new Kysely<DB>({ dialect: new PostgresDialect({ pool: openPool({ connectionString }) }) })
        await foreign
          .transaction()
          .execute(async (trx) => void (await createCaller({ db: trx, actor }).enrollment.enroll(of(username))))
      },
    ],
  ])('%s, in another process too', async (_, write) => {
    await using other = openDatabase({ connectionString })
    const changes = [feedChanges(db), feedChanges(other)]
    await settled(changes)
    const next = changes.map((each) => each.next(NEVER))
    const heard = await notifications(async () => write(await username()), 1)
    expect(heard.count).toBe(1)
    const ends = await Promise.all(next)
    const { events } = await createCaller({ db, actor }).events.list({ limit: 1000 })
    const last = events.at(-1)?.cursor
    expect(ends.map((end) => end && `${end.transaction}-${end.id}`)).toEqual([last, last])
  })
})

test('a wake-up is sent for all writes of a moment together, and never by a statement of a call', async () => {
  await using other = openDatabase({ connectionString })
  const heard = await notifications(async () => {
    await Promise.all(Array.from({ length: 40 }, async () => enroll(await username())))
    for (let n = 0; n < 20; n += 1) await enroll(await username())
  }, 1)
  expect(heard.count).toBeLessThan(2 + heard.milliseconds / 45)
  await sql`select 1`.execute(other)
})

test('what is rolled back in a transaction of ours wakes nobody', async () => {
  // Of a database of its own: the last wake-up for what was written before may come late.
  const own = await createTestDatabase()
  onTestFinished(() => own[Symbol.asyncDispose]())
  const [learner] = await addLearners(own.db, 1)
  const item = { username: learner?.username ?? '', courseId: await addCourse(own.db) }
  const dryRun = async () =>
    void (await createCaller({ db: own.db, actor }).enrollment.enrollMany({ items: [item], dryRun: true }))
  expect((await notifications(dryRun, 0, own.connectionString)).count).toBe(0)
})

test('nobody waits: there is no connection that listens', async () => {
  const own = await createTestDatabase()
  onTestFinished(() => own[Symbol.asyncDispose]())
  const listeners = async () => {
    const { rows } = await sql<{ query: string }>`
      select query from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
        and query like 'select current_setting(%max_prepared%'`.execute(own.db)
    return rows.length
  }
  await createCaller({ db: own.db, actor }).events.list({})
  expect(await listeners()).toBe(0)
  const end = new AbortController()
  const waiting = [feedChanges(own.db), feedChanges(own.db)].map(async (changes) => {
    while (!end.signal.aborted) await changes.next(end.signal)
  })
  await eventually(async () => expect(await listeners()).toBe(1))
  end.abort()
  await Promise.all(waiting)
  await eventually(async () => expect(await listeners()).toBe(0))
})

test('a connection that listens and is cut is made again, and what happened in between is seen', async () => {
  const own = await createTestDatabase()
  onTestFinished(() => own[Symbol.asyncDispose]())
  const end = new AbortController()
  let changes = 0
  const waiting = (async () => {
    const feed = feedChanges(own.db)
    while (!end.signal.aborted) {
      await feed.next(end.signal)
      changes += 1
    }
  })()
  const cut = async () => {
    const { rows } = await sql`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and query like 'select current_setting(%max_prepared%' and pid <> pg_backend_pid()`.execute(
      own.db,
    )
    return rows.length
  }
  for (let round = 0; round < 2; round += 1) {
    await eventually(async () => expect(await cut()).toBe(1))
    const before = changes
    const [learner] = await addLearners(own.db, 1)
    await createCaller({ db: own.db, actor }).enrollment.enroll({
      username: learner?.username ?? '',
      courseId: await addCourse(own.db),
    })
    await eventually(() => expect(changes).toBeGreaterThan(before))
  }
  end.abort()
  await waiting
})

test('a pool that is closed ends the wait', async () => {
  const own = openDatabase({ connectionString })
  const feed = feedChanges(own)
  await feed.next(NEVER)
  const waiting = (async () => {
    for (;;) await feed.next(NEVER)
  })().catch((error: unknown) => error)
  await sleep(20)
  await own.destroy()
  expect(await waiting).toMatchObject({ code: 'unavailable' })
})

function of(name: string) {
  return { username: name, courseId }
}

async function username(): Promise<string> {
  const [learner] = await addLearners(db, 1)
  return learner?.username ?? ''
}

function enroll(name: string) {
  return createCaller({ db, actor }).enrollment.enroll(of(name))
}

/** Until everybody has seen the end of the feed, of which other tests hold back nothing any more. */
async function settled(changes: readonly ReturnType<typeof feedChanges>[]): Promise<void> {
  const end = await untilShown(db)
  for (const each of changes) {
    for (let seen; seen !== end;) {
      const last = await each.next(NEVER)
      seen = last === null ? FEED_START : cursorOf(last)
    }
  }
}

/** The wake-ups that are sent during some work, and a moment after it; at least so many are waited for. */
async function notifications(
  work: () => Promise<void>,
  atLeast = 0,
  url = connectionString,
): Promise<{ count: number; milliseconds: number }> {
  const pool = openPool({ connectionString: url })
  const client = await pool.connect()
  let count = 0
  client.on('notification', () => (count += 1))
  await client.query('listen enrollment_events')
  const began = performance.now()
  await work()
  await eventually(() => expect(count).toBeGreaterThanOrEqual(atLeast))
  await sleep(150)
  await client.query('select 1')
  const milliseconds = performance.now() - began
  client.release(true)
  await pool.end()
  return { count, milliseconds }
}
