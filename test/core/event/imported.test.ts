import { afterAll, expect, test } from 'vitest'
import { readRelayed } from '../../../core/event/read.ts'
import { positionOf } from '../../../core/event/cursor.ts'
import { readFeedEnd } from '../../../core/event/end.ts'
import { fanOut } from '../../../core/webhook/fan-out.ts'
import { continueReplays, replayAfter } from '../../../core/webhook/replay.ts'
import { consumeFeed } from '../../../server/background/feed-consumer.ts'
import { enrollmentFeed } from '../../../server/event-bus/enrollment-feed.ts'
import { createTestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'
import { untilShown } from '../../support/feed.ts'
import { addCourse, addLearners } from '../../support/seed.ts'
import { importAll } from '../../support/transfer.ts'
import { webhookCaller } from '../../support/webhooks.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const { enrollment, webhooks, events } = webhookCaller(db)

test('what happened before the data came here is in the list of events, and is relayed to nobody', async () => {
  const courseId = await addCourse(db)
  const people = await addLearners(db, 10)
  const [first, last] = [people.slice(0, 4), people.slice(4, 8)]
  const { id } = await webhooks.create({ url: 'https://example.org/' })
  const watched: string[] = []
  const end = new AbortController()
  // Named, as it may begin to watch only after the first events.
  const watching = watch(watched, end.signal, { after: await untilShown(db) })
  const history = [
    { at: '2020-01-01T00:00:00Z', mode: 'audit', isActive: true },
    { at: '2021-01-01T00:00:00Z', mode: 'verified', isActive: true },
  ]
  const line = ({ username }: { username: string }) => ({
    type: 'enrollment',
    username,
    courseId,
    mode: 'verified',
    history,
  })
  await importAll(db, first.map(line))
  await enrollment.enroll({ username: people[8]?.username ?? '', courseId })
  await importAll(db, last.map(line))
  await enrollment.enroll({ username: people[9]?.username ?? '', courseId })
  const live = [people[8]?.username, people[9]?.username]

  const listed = await eventually(async () => {
    const page = await events.list({ limit: 100 })
    expect(page.events).toHaveLength(18)
    return page
  })
  const names = (items: readonly { username: string }[]) => items.map(({ username }) => username)

  // Pages that hold fewer events than they look through are not the last ones.
  const { last: through } = await readFeedEnd(db)
  if (through === null) throw new Error('The feed is empty')
  const page = await readRelayed(db, { after: positionOf('0-0'), through }, 100)
  expect(names(page.events)).toEqual(live)
  expect(page.cursor).toBe(listed.cursor)
  const one = await readRelayed(db, { after: positionOf('0-0'), through }, 1)
  expect(names(one.events)).toEqual(live.slice(0, 1))

  const consumed: string[] = []
  const consumer = {
    name: 'tests',
    apply: async (_: unknown, seen: readonly { username: string }[]) => consumed.push(...names(seen)),
  }
  expect(await consumeFeed(db, consumer)).toBe(2)
  expect(await consumeFeed(db, consumer)).toBe(0)
  expect(consumed).toEqual(live)

  const bus = await enrollmentFeed.read(db, '0-0', 100)
  expect(bus.isMore).toBe(false)
  expect(new Set(bus.events.map((event) => event.cursor)).size).toBe(2)

  while ((await fanOut(db, new Date())).isMore);
  expect(await deliveries(id)).toBe(2)
  await replayAfter(db, id, '0-0')
  await continueReplays(db, new Date())
  expect(await deliveries(id)).toBe(2)

  await eventually(async () => expect(watched).toEqual(live))
  // Also for whoever comes from an earlier place.
  const earlier: string[] = []
  const rest = watch(earlier, end.signal, { after: '0-0' })
  const filtered: string[] = []
  const restOfRun = watch(filtered, end.signal, { after: '0-0', courseIds: [courseId] })
  await eventually(async () => expect([earlier, filtered]).toEqual([live, live]))
  end.abort()
  await Promise.all([watching, rest, restOfRun])
})

async function watch(into: string[], signal: AbortSignal, input: { after?: string; courseIds?: string[] } = {}) {
  const items = events.watch(input)
  signal.addEventListener('abort', () => void items.return?.())
  for await (const { data } of items) into.push(data.username)
}

async function deliveries(webhookId: string): Promise<number> {
  const rows = await db.selectFrom('webhook_deliveries').select('id').where('webhook_id', '=', webhookId).execute()
  return rows.length
}
