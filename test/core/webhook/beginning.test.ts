import { afterAll, describe, expect, test } from 'vitest'
import { fanOut } from '../../../core/webhook/fan-out.ts'
import { createTestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'
import { addCourse, addLearner } from '../../support/seed.ts'
import { WEBHOOK_SETTINGS, webhookCaller } from '../../support/webhooks.ts'
import { createCaller } from '../../../routers/index.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const { webhooks, enrollment } = webhookCaller(db)
const actor = { kind: 'service', name: 'tests' } as const

describe('an endpoint begins with the events that commit after it', () => {
  test('also where an older transaction still runs, and others have committed after that', async () => {
    const courseId = await addCourse(db)
    const [slow, before, after] = [await addLearner(db), await addLearner(db), await addLearner(db)]
    const open = await db.startTransaction().execute()
    await createCaller({ db: open, actor }).enrollment.enroll({ username: slow.username, courseId })
    await enrollment.enroll({ username: before.username, courseId })
    const { id } = await webhooks.create({ url: 'https://example.org/', courseIds: [courseId] })
    await enrollment.enroll({ username: after.username, courseId })
    await open.commit().execute()
    // That of the slow one commits later, and is before the others in the feed.
    expect(await sentTo(id, 2)).toEqual([slow.username, after.username])
  })

  test('also where it is made in a transaction, whose own events came before it', async () => {
    const courseId = await addCourse(db)
    const [inside, outside] = [await addLearner(db), await addLearner(db)]
    const id = await db.transaction().execute(async (trx) => {
      const caller = createCaller({ db: trx, actor, webhooks: WEBHOOK_SETTINGS })
      await caller.enrollment.enroll({ username: inside.username, courseId })
      return (await caller.webhooks.create({ url: 'https://example.org/', courseIds: [courseId] })).id
    })
    await enrollment.enroll({ username: outside.username, courseId })
    expect(await sentTo(id, 1)).toEqual([outside.username])
  })

  test('and again when it is enabled after it was disabled', async () => {
    const courseId = await addCourse(db)
    const [first, missed, last] = [await addLearner(db), await addLearner(db), await addLearner(db)]
    const { id } = await webhooks.create({ url: 'https://example.org/', courseIds: [courseId] })
    await enrollment.enroll({ username: first.username, courseId })
    expect(await sentTo(id, 1)).toEqual([first.username])
    await webhooks.update({ id, state: 'disabled' })
    await enrollment.enroll({ username: missed.username, courseId })
    await webhooks.update({ id, state: 'enabled' })
    await enrollment.enroll({ username: last.username, courseId })
    expect(await sentTo(id, 2)).toEqual([first.username, last.username])
  })
})

test('without an endpoint the feed is not read', async () => {
  await db.deleteFrom('webhooks').execute()
  const courseId = await addCourse(db)
  const { username } = await addLearner(db)
  const before = await checkpoint()
  await enrollment.enroll({ username, courseId })
  expect(await fanOut(db, new Date())).toEqual({ deliveries: 0, isMore: false })
  expect(await checkpoint()).toBe(before)
  const { id } = await webhooks.create({ url: 'https://example.org/', courseIds: [courseId] })
  await enrollment.change({ username, courseId, isActive: false })
  expect(await sentTo(id, 1)).toEqual([username])
})

test('many processes make each delivery once', async () => {
  const courseId = await addCourse(db)
  const { id } = await webhooks.create({ url: 'https://example.org/', courseIds: [courseId] })
  const learners = await Promise.all(Array.from({ length: 20 }, () => addLearner(db)))
  const work = Array.from({ length: 60 }, async (_, index) => {
    const learner = learners[index % 20]
    if (index < 20 && learner !== undefined) await enrollment.enroll({ username: learner.username, courseId })
    await fanOut(db, new Date())
  })
  await Promise.all(work)
  const sent = await sentTo(id, 20)
  expect(sent.toSorted()).toEqual(learners.map(({ username }) => username).toSorted())
})

/** Whose events an endpoint is sent, in the order of the feed. */
async function sentTo(id: string, count: number): Promise<string[]> {
  return eventually(async () => {
    await fanOut(db, new Date())
    const rows = await db
      .selectFrom('webhook_deliveries as d')
      .innerJoin('enrollments as e', 'e.id', 'd.enrollment_id')
      .innerJoin('learners as l', 'l.id', 'e.learner_id')
      .select('l.username')
      .where('d.webhook_id', '=', id)
      .orderBy('d.transaction_id')
      .orderBy('d.event_id')
      .execute()
    expect(rows.length).toBeGreaterThanOrEqual(count)
    return rows.map(({ username }) => username)
  })
}

async function checkpoint(): Promise<string | null> {
  const row = await db
    .selectFrom('feed_checkpoints')
    .select('cursor')
    .where('consumer', '=', 'webhooks')
    .executeTakeFirst()
  return row?.cursor ?? null
}
