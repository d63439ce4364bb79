import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { readConsumers, type ConsumerStatus } from '../../../core/event/consumers.ts'
import { fanOut } from '../../../core/webhook/fan-out.ts'
import { createTestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'
import { addCourse, addLearners } from '../../support/seed.ts'
import { webhookCaller } from '../../support/webhooks.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const { webhooks, enrollment, events } = webhookCaller(db)

describe('how an endpoint stands', () => {
  test('begins at the end of the feed, without a lag', async () => {
    await enroll(5)
    // Transactions of other tests hold events back.
    await eventually(async () => expect((await events.list({})).events).toHaveLength(5))
    const { cursor } = await events.list({ after: 'latest' })
    expect(await statusOf(await endpoint())).toMatchObject({ cursor, lagEvents: 0, lagSeconds: 0, lastError: null })
  })

  test('counts what is not delivered, before and after deliveries are made of it', async () => {
    const id = await endpoint()
    await enroll(3)
    await eventually(async () => expect((await statusOf(id))?.lagEvents).toBe(3))
    await eventually(async () => expect((await fanOut(db, new Date())).deliveries).toBe(3))
    const later = new Date(Date.now() + 60_000)
    const { lagEvents, lagSeconds = 0 } = (await statusOf(id, later)) ?? {}
    expect(lagEvents).toBe(3)
    expect(lagSeconds).toBeGreaterThanOrEqual(59)
  })

  test('has the place right before the first event that is not delivered', async () => {
    const id = await endpoint()
    await enroll(4)
    await eventually(async () => expect((await fanOut(db, new Date())).deliveries).toBe(4))
    const [first, second] = (await webhooks.deliveries({ id })).items.toReversed()
    await db
      .updateTable('webhook_deliveries')
      .set({ state: 'delivered', next_attempt_at: null })
      .where('id', '=', first?.id ?? '')
      .execute()
    const status = await statusOf(id)
    const { events: next } = await events.list({ after: status?.cursor ?? '', limit: 1 })
    expect(next[0]?.id).toBe(second?.eventId)
    expect(status?.lagEvents).toBe(3)
  })

  test('says that it is disabled, and has no lag then', async () => {
    const id = await endpoint()
    await webhooks.update({ id, state: 'disabled' })
    await enroll(2)
    expect(await statusOf(id)).toMatchObject({ lagEvents: 0, lastError: 'The endpoint is disabled' })
  })
})

async function endpoint(): Promise<string> {
  const { id } = await webhooks.create({ url: 'https://example.org/' })
  onTestFinished(async () => void (await db.deleteFrom('webhooks').where('id', '=', id).execute()))
  return id
}

async function enroll(count: number): Promise<void> {
  const courseId = await addCourse(db)
  const learners = await addLearners(db, count)
  await enrollment.enrollMany({ items: learners.map(({ username }) => ({ username, courseId })) })
}

async function statusOf(id: string, now = new Date()): Promise<ConsumerStatus | undefined> {
  return (await readConsumers(db, now)).find(({ name }) => name === `webhook:${id}`)
}
