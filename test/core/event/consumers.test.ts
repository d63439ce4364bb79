import { sql } from 'kysely'
import { afterAll, expect, test } from 'vitest'
import { readConsumers, readLag } from '../../../core/event/consumers.ts'
import { createCaller } from '../../../routers/index.ts'
import { consumeFeed, type FeedConsumer } from '../../../server/background/feed-consumer.ts'
import { createTestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'
import { addCourse, addLearners } from '../../support/seed.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const AT = new Date('2026-03-01T12:00:00.000Z')
const LATER = new Date('2026-03-01T12:00:30.000Z')
const caller = createCaller({ db, actor: { kind: 'service', name: 'tests' }, now: () => AT })

test('tells place, lag and error of each consumer, until it has consumed everything', async () => {
  const EVENTS = 5
  await enroll(EVENTS)
  let words: string | null = 'no paper'
  const consumer: FeedConsumer = {
    name: 'enterprise',
    apply: async () => {
      if (words !== null) throw new Error(`${words}\nand a second line`)
    },
  }
  const consumed = () => consumeFeed(db, consumer, { limit: 2, now: () => AT })

  await eventually(() => expect(consumed()).rejects.toThrow('no paper'))
  expect(await readConsumers(db, LATER)).toEqual([
    { name: 'enterprise', cursor: null, lagEvents: EVENTS, lagSeconds: 30, lastError: 'no paper' },
  ])

  words = null
  await eventually(async () => expect(await consumed()).toBe(2))
  const { events } = await caller.events.list({})
  expect(await readConsumers(db, LATER)).toEqual([
    { name: 'enterprise', cursor: events[1]?.cursor, lagEvents: EVENTS - 2, lagSeconds: 30, lastError: null },
  ])

  while ((await consumed()) > 0);
  expect(await readConsumers(db, LATER)).toEqual([
    { name: 'enterprise', cursor: events.at(-1)?.cursor, lagEvents: 0, lagSeconds: 0, lastError: null },
  ])
})

test('an error that had nothing to do with events goes with the next look', async () => {
  await db
    .updateTable('feed_checkpoints')
    .set({ last_error: 'the database was away', failed_at: AT.toISOString() })
    .execute()
  await consumeFeed(db, { name: 'enterprise', apply: async () => {} })
  expect((await readConsumers(db, LATER))[0]?.lastError).toBe(null)
})

test('what a consumer shares out to others is not shown by itself', async () => {
  await consumeFeed(db, { name: 'webhooks', apply: async () => {} })
  expect((await readConsumers(db, LATER)).map(({ name }) => name)).toEqual(['enterprise'])
})

test('beyond ten thousand events the lag is estimated', async () => {
  await sql`insert into enrollment_events
      (enrollment_id, version, kind, before_mode, before_is_active, after_mode, after_is_active, actor_kind, actor_name, via, at)
    select (select min(id) from enrollments), n, 'modeChanged', 'honor', true, 'audit', true, 'system', 'tests', 'rpc', ${AT.toISOString()}
    from generate_series(2, 12001) n`.execute(db)
  const { events, seconds } = await readLag(db, null, LATER)
  expect([events >= 12_000, events < 13_000, seconds]).toEqual([true, true, 30])
})

async function enroll(count: number): Promise<void> {
  const courseId = await addCourse(db)
  const learners = await addLearners(db, count)
  await caller.enrollment.enrollMany({ items: learners.map(({ username }) => ({ username, courseId })) })
}
