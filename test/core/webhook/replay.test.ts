// slow: replays more than is looked through at a time
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { enrollmentErrorFrom } from '../../../routers/index.ts'
import { createTestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'
import { openReceiver, refuse, versionsOf, type Receiver, type Respond } from '../../support/receiver.ts'
import { addCourse, addLearner, addLearners } from '../../support/seed.ts'
import { runWebhooks, webhookCaller } from '../../support/webhooks.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const { webhooks, enrollment, events } = webhookCaller(db)

describe('a replay after a cursor', () => {
  test('sends all again in the order of the feed, one at a time, with the ids of before', async () => {
    runWebhooks(db)
    let [underWay, most] = [0, 0]
    const { receiver, id, courseId, cursor } = await endpoint()
    await enrollMany(courseId, 120)
    await delivered(id, 120)
    const first = idsOf(receiver)
    receiver.received.length = 0
    receiver.respond = (_, response) => {
      underWay += 1
      most = Math.max(most, underWay)
      setTimeout(() => {
        underWay -= 1
        response.writeHead(204).end()
      }, 1)
    }
    await webhooks.replay({ id, after: cursor })
    await eventually(() => expect(receiver.received).toHaveLength(120))
    await delivered(id, 120)
    expect(most).toBe(1)
    expect(new Set(idsOf(receiver))).toEqual(new Set(first))
    const { events: inFeed } = await events.list({ after: cursor, limit: 1_000, courseIds: [courseId] })
    expect(receiver.received.map(({ message }) => message.data['id'])).toEqual(inFeed.map((event) => event.id))
  })

  test('begins after the cursor', async () => {
    runWebhooks(db)
    const { receiver, id, courseId, cursor } = await endpoint()
    await enrollMany(courseId, 10)
    await delivered(id, 10)
    const { events: inFeed } = await events.list({ after: cursor, courseIds: [courseId] })
    receiver.received.length = 0
    await webhooks.replay({ id, after: inFeed[6]?.cursor ?? '' })
    await eventually(() => expect(receiver.received).toHaveLength(3))
    await delivered(id, 10)
    expect(receiver.received.map(({ message }) => message.data['id'])).toEqual(inFeed.slice(7).map((event) => event.id))
  })

  test('brings what came before the endpoint, or while it was disabled', async () => {
    runWebhooks(db)
    const courseId = await addCourse(db)
    const { cursor } = await events.list({ after: 'latest' })
    await enrollMany(courseId, 3)
    const { receiver, id } = await endpoint({ courseIds: [courseId] })
    await webhooks.update({ id, state: 'disabled' })
    await enrollMany(courseId, 2)
    await webhooks.update({ id, state: 'enabled' })
    await webhooks.replay({ id, after: cursor })
    await delivered(id, 5)
    expect(receiver.received).toHaveLength(5)
  })

  test('holds to kinds and course runs', async () => {
    runWebhooks(db)
    const { receiver, id, courseId, cursor } = await endpoint()
    const [username = ''] = await enrollMany(courseId, 1)
    await enrollment.change({ username, courseId, isActive: false })
    await delivered(id, 2)
    receiver.received.length = 0
    await webhooks.update({ id, kinds: ['deactivated'] })
    await webhooks.replay({ id, after: cursor })
    await eventually(() => expect(receiver.received).toHaveLength(1))
    expect(receiver.received.map(({ message }) => message.type)).toEqual(['enrollment.deactivated'])
  })

  test('sends what is pending at once, in place of the try that was due, with attempts from 0', async () => {
    runWebhooks(db)
    const { receiver, id, courseId, cursor } = await endpoint({}, refuse(500))
    await enrollMany(courseId, 2)
    await eventually(async () => {
      const { items } = await webhooks.deliveries({ id })
      expect(items.map(({ attempts }) => attempts)).toEqual([1, 1])
    })
    // The next try is far away.
    await db
      .updateTable('webhook_deliveries')
      .set({ attempts: 4, next_attempt_at: new Date(Date.now() + 3_600_000).toISOString() })
      .where('webhook_id', '=', id)
      .execute()
    receiver.respond = (_, response) => response.writeHead(204).end()
    await webhooks.replay({ id, after: cursor })
    await delivered(id, 2)
    expect((await webhooks.deliveries({ id })).items.map(({ attempts }) => attempts)).toEqual([1, 1])
    expect(receiver.received).toHaveLength(4)
  })

  test('goes on past one that fails, but not to later versions of it', async () => {
    runWebhooks(db)
    const { receiver, id, courseId, cursor } = await endpoint()
    const [bad = '', good = ''] = await enrollMany(courseId, 2)
    for (const username of [bad, good]) await enrollment.change({ username, courseId, isActive: false })
    await delivered(id, 4)
    receiver.received.length = 0
    receiver.respond = ({ message: { data } }, response) =>
      response.writeHead(data['username'] === bad && data['version'] === 1 ? 500 : 204).end()
    await webhooks.replay({ id, after: cursor })
    await eventually(() => expect(versionsOf(receiver.received)).toContain(`${good} 2`))
    expect(versionsOf(receiver.received)).not.toContain(`${bad} 2`)
    receiver.respond = (_, response) => response.writeHead(204).end()
    await retryNow(id)
    await delivered(id, 4)
    expect(versionsOf(receiver.received).at(-1)).toBe(`${bad} 2`)
  })

  test('lets a new version of an enrollment wait until the replay has come past it', async () => {
    runWebhooks(db)
    const { receiver, id, courseId, cursor } = await endpoint()
    const usernames = await enrollMany(courseId, 300)
    await delivered(id, 300)
    receiver.received.length = 0
    receiver.respond = (_, response) => void setTimeout(() => response.writeHead(204).end(), 2)
    await webhooks.replay({ id, after: cursor })
    const last = usernames.at(-1) ?? ''
    await enrollment.change({ username: last, courseId, isActive: false })
    await delivered(id, 301)
    const ofLast = versionsOf(receiver.received).filter((text) => text.startsWith(`${last} `))
    expect(ofLast).toEqual([`${last} 1`, `${last} 2`])
  })

  test('of more than is looked through at a time comes to its end', async () => {
    runWebhooks(db)
    const { receiver, id, courseId, cursor } = await endpoint()
    await enrollMany(courseId, 2_010)
    await delivered(id, 2_010)
    receiver.received.length = 0
    await webhooks.replay({ id, after: cursor })
    await eventually(() => expect(receiver.received).toHaveLength(2_010))
    await eventually(async () => {
      const row = await db.selectFrom('webhooks').select('replay_through_id').where('id', '=', id).executeTakeFirst()
      expect(row).toEqual({ replay_through_id: null })
    })
  })
})

describe('a replay of one delivery', () => {
  test('sends a dead one again', async () => {
    runWebhooks(db)
    const { receiver, id, courseId } = await endpoint({}, refuse(500))
    await enrollMany(courseId, 1)
    const dead = await eventually(async () => {
      const [delivery] = (await webhooks.deliveries({ id })).items
      expect(delivery?.attempts).toBe(1)
      return delivery
    })
    await db
      .updateTable('webhook_deliveries')
      .set({ state: 'dead', next_attempt_at: null })
      .where('webhook_id', '=', id)
      .execute()
    receiver.respond = (_, response) => response.writeHead(204).end()
    expect(await webhooks.replay({ id, deliveryId: dead?.id ?? '' })).toEqual({ through: null })
    await delivered(id, 1)
    expect((await webhooks.deliveries({ id })).items).toMatchObject([{ id: dead?.id, attempts: 1, lastStatus: 204 }])
  })

  test.each(['1', '999999999999', 'nothing', '-1', '99999999999999999999'])(
    'finds none that is called %s',
    async (deliveryId) => {
      const { id } = await endpoint()
      const error = await webhooks.replay({ id, deliveryId }).catch(enrollmentErrorFrom)
      expect(error).toMatchObject({ code: 'webhookDeliveryNotFound', details: { deliveryId } })
    },
  )

  test('is refused where the endpoint is disabled', async () => {
    const { id, cursor } = await endpoint()
    await webhooks.update({ id, state: 'disabled' })
    for (const input of [
      { id, deliveryId: '1' },
      { id, after: cursor },
    ]) {
      expect(await webhooks.replay(input).catch(enrollmentErrorFrom)).toMatchObject({ code: 'webhookDisabled' })
    }
  })
})

async function endpoint(fields: Partial<Parameters<typeof webhooks.create>[0]> = {}, respond?: Respond) {
  const courseId = await addCourse(db)
  const receiver = await openReceiver(respond)
  onTestFinished(() => receiver[Symbol.asyncDispose]())
  const { cursor } = await events.list({ after: 'latest' })
  const { id } = await webhooks.create({ url: receiver.url, courseIds: [courseId], ...fields })
  onTestFinished(async () => void (await db.deleteFrom('webhooks').where('id', '=', id).execute()))
  return { id, receiver, courseId, cursor }
}

async function enrollMany(courseId: string, count: number): Promise<string[]> {
  const learners = count === 1 ? [await addLearner(db)] : await addLearners(db, count)
  const usernames = learners.map(({ username }) => username)
  await enrollment.enrollMany({ items: usernames.map((username) => ({ username, courseId })) })
  return usernames
}

/** Has what has failed once tried again without the wait of the schedule. */
function retryNow(id: string): Promise<void> {
  return eventually(async () => {
    const { numUpdatedRows } = await db
      .updateTable('webhook_deliveries')
      .set({ next_attempt_at: new Date().toISOString() })
      .where('webhook_id', '=', id)
      .where('state', '=', 'pending')
      .where('attempts', '=', 1)
      .executeTakeFirst()
    expect(numUpdatedRows).toBe(1n)
  })
}

function delivered(id: string, count: number): Promise<void> {
  return eventually(async () => {
    const rows = await db
      .selectFrom('webhook_deliveries')
      .select(['state', (eb) => eb.fn.countAll<string>().as('count')])
      .where('webhook_id', '=', id)
      .groupBy('state')
      .execute()
    expect(rows).toEqual([{ state: 'delivered', count: String(count) }])
  })
}

function idsOf({ received }: Receiver): unknown[] {
  return received.map(({ headers }) => headers['webhook-id'])
}
