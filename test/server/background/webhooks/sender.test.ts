import { Webhook as Verifier } from 'standardwebhooks'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import type { WebhookDelivery } from '../../../../routers/index.ts'
import { createTestDatabase } from '../../../support/database.ts'
import { eventually } from '../../../support/eventually.ts'
import { hang, openReceiver, refuse, versionsOf, type Receiver, type Respond } from '../../../support/receiver.ts'
import { addCourse, addLearner, addLearners } from '../../../support/seed.ts'
import { runWebhooks, webhookCaller } from '../../../support/webhooks.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const { webhooks, enrollment } = webhookCaller(db)

describe('a change', () => {
  test('is sent with its event, and verified by standardwebhooks as it is', async () => {
    runWebhooks(db)
    const { receiver, secret, courseId } = await endpoint()
    const username = await enrolled(courseId)
    const [received] = await messages(receiver, 1)
    const [event] = await enrollment.history({ username, courseId })
    expect(received?.message).toEqual({ type: 'enrollment.created', timestamp: event?.at, data: event })
    expect(received?.headers['content-type']).toBe('application/json')
    const verifier = new Verifier(secret)
    const headers = received?.headers as Record<string, string>
    expect(verifier.verify(received?.body ?? '', headers)).toEqual(received?.message)
    expect(() => verifier.verify(`${received?.body} `, headers)).toThrow('No matching signature found')
  })

  test('of each kind has its type', async () => {
    runWebhooks(db)
    const { receiver, courseId } = await endpoint()
    const username = await enrolled(courseId)
    await enrollment.change({ username, courseId, mode: 'verified' })
    await enrollment.change({ username, courseId, isActive: false })
    await enrollment.enroll({ username, courseId })
    expect((await messages(receiver, 4)).map(({ message }) => message.type)).toEqual([
      'enrollment.created',
      'enrollment.mode_changed',
      'enrollment.deactivated',
      'enrollment.reactivated',
    ])
  })

  test('is sent as Open edX says it, where the endpoint wants that', async () => {
    runWebhooks(db)
    const { receiver, courseId } = await endpoint({ format: 'openedx' })
    const username = await enrolled(courseId)
    const [received] = await messages(receiver, 1)
    expect(received?.message).toEqual({
      type: 'enrollment.created',
      timestamp: expect.any(String),
      data: {
        enrollment: {
          user: {
            id: expect.any(Number),
            is_active: true,
            pii: { username, email: `${username}@example.com`, name: '' },
          },
          course: { course_key: courseId, display_name: '', start: null, end: null },
          mode: 'audit',
          is_active: true,
          creation_date: expect.stringMatching(/\+00:00$/),
          created_by: null,
        },
      },
    })
  })

  test('is sent only to whom wants its kind and its course run', async () => {
    runWebhooks(db)
    const other = await addCourse(db)
    const { receiver, courseId } = await endpoint({ kinds: ['deactivated'] })
    const username = await enrolled(courseId)
    await enrollment.enroll({ username, courseId: other })
    await enrollment.change({ username, courseId: other, isActive: false })
    await enrollment.change({ username, courseId, isActive: false })
    await messages(receiver, 1)
    await eventually(async () => expect(await pendingCount(receiver)).toBe(0))
    expect(receiver.received.map(({ message }) => [message.type, message.data['courseId']])).toEqual([
      ['enrollment.deactivated', courseId],
    ])
  })

  test('that was made before the endpoint is not sent', async () => {
    runWebhooks(db)
    const courseId = await addCourse(db)
    await enrolled(courseId)
    const { receiver } = await endpoint({ courseIds: [courseId] })
    const later = await enrolled(courseId)
    expect(versionsOf(await messages(receiver, 1))).toEqual([`${later} 1`])
  })
})

describe('an answer', () => {
  test('of 2xx is kept with the delivery', async () => {
    runWebhooks(db)
    const { receiver, id, courseId } = await endpoint({}, (_, response) => response.writeHead(200).end('thank you'))
    await enrolled(courseId)
    await messages(receiver, 1)
    const delivery = await only(id, 'delivered')
    expect(delivery).toMatchObject({ attempts: 1, lastStatus: 200, lastError: null, lastAnswer: 'thank you' })
    expect(delivery.nextAttemptAt).toBeNull()
  })

  test('of 500 is tried again after about 5 seconds, and the id stays', async () => {
    runWebhooks(db)
    const { receiver, id, courseId } = await endpoint({}, refuse(500))
    await enrolled(courseId)
    const failed = await only(id, 'pending', 1)
    const delay = Date.parse(failed.nextAttemptAt ?? '') - (receiver.received[0]?.at ?? 0)
    expect(delay).toBeGreaterThan(3_700)
    expect(delay).toBeLessThan(60_000)
    expect(failed).toMatchObject({ lastStatus: 500, lastError: 'Answered 500', lastAnswer: 'status 500' })
    receiver.respond = (_, response) => response.writeHead(200).end()
    await only(id, 'delivered')
    const [first, second] = await messages(receiver, 2)
    expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id'])
    expect(second?.body).toBe(first?.body)
  })

  test('of 503 with Retry-After waits so long', async () => {
    runWebhooks(db)
    const { receiver, id, courseId } = await endpoint({}, refuse(503, { 'retry-after': '3600' }))
    await enrolled(courseId)
    const delivery = await only(id, 'pending', 1)
    const delay = Date.parse(delivery.nextAttemptAt ?? '') - (receiver.received[0]?.at ?? 0)
    expect(Math.abs(delay - 3_600_000)).toBeLessThan(60_000)
  })

  test('of 302 is not followed', async () => {
    runWebhooks(db)
    const target = await openReceiver()
    onTestFinished(() => target[Symbol.asyncDispose]())
    const { id, courseId } = await endpoint({}, refuse(302, { location: target.url }))
    await enrolled(courseId)
    expect(await only(id, 'pending', 1)).toMatchObject({ lastStatus: 302 })
    expect(target.received).toEqual([])
  })

  test('of 410 disables the endpoint, and what is pending dies', async () => {
    const running = runWebhooks(db)
    // The first one is not tried again meanwhile: otherwise its answer might be the 410, before the second is made.
    const { receiver, id, courseId } = await endpoint({}, refuse(503, { 'retry-after': '3600' }))
    await enrolled(courseId)
    await only(id, 'pending', 1)
    receiver.respond = refuse(410)
    await enrolled(courseId)
    await eventually(async () => expect(await webhooks.get({ id })).toMatchObject({ disabledBecause: 'gone' }))
    const { items } = await webhooks.deliveries({ id })
    expect(items.map(({ state }) => state)).toEqual(['dead', 'dead'])
    const told = { fields: { webhook: id, because: 'gone' }, message: 'webhook disabled' }
    await eventually(() => expect(running.errors).toContainEqual(told))
  })

  test('is read up to 16 KB, and no more of it is waited for', async () => {
    runWebhooks(db)
    const { id, courseId } = await endpoint({}, (_, response) => {
      response.writeHead(200)
      const more = setInterval(() => response.write('x'.repeat(10_000)), 5)
      response.on('close', () => clearInterval(more))
    })
    await enrolled(courseId)
    const { lastAnswer } = await only(id, 'delivered')
    expect(lastAnswer).toBe('x'.repeat(16_384))
  })

  test('of bytes that are no text is kept as text of at most 16 KB', async () => {
    runWebhooks(db)
    const { id, courseId } = await endpoint({}, (_, response) =>
      response.writeHead(200).end(Buffer.alloc(20_000, 0xff)),
    )
    await enrolled(courseId)
    const { lastAnswer } = await only(id, 'delivered')
    expect(Buffer.byteLength(lastAnswer ?? '')).toBeLessThanOrEqual(16_384)
    expect(lastAnswer).toMatch(/^\u{FFFD}+$/u)
  })

  test('with a NUL is stored', async () => {
    runWebhooks(db)
    const { id, courseId } = await endpoint({}, (_, response) => response.writeHead(200).end('a\0b'))
    await enrolled(courseId)
    expect((await only(id, 'delivered')).lastAnswer).toBe('a b')
  })

  test('that drips counts by its status', async () => {
    runWebhooks(db, { timeoutMs: 300 })
    const { id, courseId } = await endpoint({}, (_, response) => {
      response.writeHead(200)
      const drip = setInterval(() => response.write('.'), 50)
      response.on('close', () => clearInterval(drip))
    })
    await enrolled(courseId)
    expect((await only(id, 'delivered')).lastAnswer).toMatch(/^\.*$/)
  })

  test('that does not come is a failure after the time for it', async () => {
    runWebhooks(db, { timeoutMs: 200 })
    const { id, courseId } = await endpoint({}, hang)
    await enrolled(courseId)
    expect(await only(id, 'pending', 1)).toMatchObject({ lastStatus: null, lastError: 'No answer within 0.2 s' })
  })

  test('cannot come where nobody listens', async () => {
    runWebhooks(db)
    const { id, courseId } = await endpoint({ url: 'http://127.0.0.1:1/hook' })
    await enrolled(courseId)
    expect(await only(id, 'pending', 1)).toMatchObject({ lastError: 'The connection was refused' })
    await eventually(async () =>
      expect(await webhooks.get({ id })).toMatchObject({
        lastError: 'The connection was refused',
        failingSince: expect.any(String),
      }),
    )
  })
})

describe('one endpoint', () => {
  test('that hangs delays no other, also where both are on one host and port', async () => {
    // Longer than the test: nothing of the one that hangs comes to an end.
    runWebhooks(db, { timeoutMs: 600_000 })
    const courseId = await addCourse(db)
    const receiver = await openReceiver((received, response) =>
      received.path === '/hangs' ? undefined : response.writeHead(204).end(),
    )
    onTestFinished(() => receiver[Symbol.asyncDispose]())
    const hanging = await webhooks.create({ url: new URL('/hangs', receiver.url).href, courseIds: [courseId] })
    const healthy = await webhooks.create({ url: receiver.url, courseIds: [courseId] })
    onTestFinished(async () => void (await webhooks.delete({ id: hanging.id })))
    const learners = await addLearners(db, 200)
    await enrollment.enrollMany({ items: learners.map(({ username }) => ({ username, courseId })) })
    await eventually(async () => {
      expect(receiver.received.filter(({ path }) => path === '/hook')).toHaveLength(200)
    })
    await eventually(() => expect(receiver.received.map(({ path }) => path)).toContain('/hangs'))
    expect(await countOf(hanging.id, 'pending', 1)).toBe(0)
    expect((await webhooks.deliveries({ id: hanging.id, state: 'delivered' })).items).toEqual([])
    await eventually(async () => expect(await countOf(healthy.id, 'delivered')).toBe(200))
  })

  test('that fails is disabled after five days, and that is told', async () => {
    let now = new Date()
    const running = runWebhooks(db, { now: () => now })
    const { id, courseId } = await endpoint({}, refuse(500))
    await enrolled(courseId)
    await only(id, 'pending', 1)
    now = new Date(now.getTime() + 5 * 24 * 3_600_000 + 1_000)
    await eventually(async () => {
      expect(await webhooks.get({ id })).toMatchObject({ state: 'disabled', disabledBecause: 'failing' })
    })
    expect((await webhooks.deliveries({ id })).items).toMatchObject([{ state: 'dead' }])
    const told = { fields: { webhook: id, because: 'failing' }, message: 'webhook disabled' }
    await eventually(() => expect(running.errors).toContainEqual(told))
  })

  test('that succeeds in between is not', async () => {
    let now = new Date()
    runWebhooks(db, { now: () => now })
    const { receiver, id, courseId } = await endpoint({}, refuse(500))
    await enrolled(courseId)
    await only(id, 'pending', 1)
    receiver.respond = (_, response) => response.writeHead(200).end()
    now = new Date(now.getTime() + 4 * 24 * 3_600_000)
    await only(id, 'delivered')
    receiver.respond = refuse(500)
    now = new Date(now.getTime() + 4 * 24 * 3_600_000)
    await enrolled(courseId)
    await eventually(async () => expect(await countOf(id, 'pending', 1)).toBe(1))
    expect(await webhooks.get({ id })).toMatchObject({ state: 'enabled' })
  })
})

describe('the versions of an enrollment', () => {
  test('come in their order, however many there are', async () => {
    runWebhooks(db)
    const { receiver, courseId } = await endpoint()
    const usernames = await Promise.all(Array.from({ length: 5 }, () => enrolled(courseId)))
    for (let version = 2; version <= 6; version += 1) {
      for (const username of usernames) await enrollment.change({ username, courseId, isActive: version % 2 === 1 })
    }
    await messages(receiver, 30)
    for (const username of usernames) {
      const ofOne = versionsOf(receiver.received).filter((text) => text.startsWith(`${username} `))
      expect(ofOne).toEqual([1, 2, 3, 4, 5, 6].map((version) => `${username} ${version}`))
    }
  })

  test('wait for one that fails, and those of others do not', async () => {
    runWebhooks(db)
    const { receiver, id, courseId } = await endpoint({}, (received, response) => {
      const isBad = received.message.data['username'] === bad && received.message.data['version'] === 1
      response.writeHead(isBad ? 500 : 204).end()
    })
    const bad = await enrolled(courseId)
    await enrollment.change({ username: bad, courseId, isActive: false })
    const good = await enrolled(courseId)
    await enrollment.change({ username: good, courseId, isActive: false })
    await eventually(() => expect(versionsOf(receiver.received)).toContain(`${good} 2`))
    expect(versionsOf(receiver.received)).not.toContain(`${bad} 2`)
    await db
      .updateTable('webhook_deliveries')
      .set({ attempts: 7, next_attempt_at: new Date().toISOString() })
      .where('webhook_id', '=', id)
      .where('state', '=', 'pending')
      .where('version', '=', 1)
      .execute()
    // The one before is dead now.
    await eventually(() => expect(versionsOf(receiver.received)).toContain(`${bad} 2`))
    expect((await webhooks.deliveries({ id, state: 'dead' })).items).toMatchObject([{ attempts: 8 }])
  })
})

test('two servers share the work, and no message comes twice', async () => {
  runWebhooks(db)
  runWebhooks(db)
  const { receiver, id, courseId } = await endpoint()
  const learners = await addLearners(db, 500)
  await enrollment.enrollMany({ items: learners.map(({ username }) => ({ username, courseId })) })
  await eventually(async () => expect(await countOf(id, 'delivered')).toBe(500))
  expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(500)
  expect(receiver.received).toHaveLength(500)
})

test('a secret that is rotated signs beside the new one until the overlap ends', async () => {
  let now = new Date()
  runWebhooks(db, { now: () => now })
  const { receiver, id, secret, courseId } = await endpoint()
  const { secret: next } = await webhooks.rotateSecret({ id })
  await enrolled(courseId)
  const [during] = await messages(receiver, 1)
  for (const each of [secret, next]) verify(during, each)
  now = new Date(now.getTime() + 24 * 3_600_000 + 1_000)
  await enrolled(courseId)
  const [, after] = await messages(receiver, 2)
  expect(String(after?.headers['webhook-signature']).split(' ')).toHaveLength(1)
})

test('a secret that was encrypted with another key sends nothing, and that can be seen', async () => {
  const { receiver, id, courseId } = await endpoint()
  runWebhooks(db, { settings: { secretKeys: ['another'], allowedNetworks: ['127.0.0.0/8'] } })
  await enrolled(courseId)
  expect((await only(id, 'pending', 1)).lastError).toMatch(/key that it was encrypted with is not set/)
  expect(receiver.received).toEqual([])
  await webhooks.delete({ id })
})

test('a server that stops gives back what it has not sent', async () => {
  const running = runWebhooks(db)
  const { receiver, id, courseId } = await endpoint({}, hang)
  await enrolled(courseId)
  await messages(receiver, 1)
  await running.stop()
  const [delivery] = (await webhooks.deliveries({ id })).items
  expect(delivery).toMatchObject({ state: 'pending', attempts: 0 })
  expect(Date.parse(delivery?.nextAttemptAt ?? '')).toBeLessThanOrEqual(Date.now())
})

async function endpoint(fields: Partial<Parameters<typeof webhooks.create>[0]> = {}, respond?: Respond) {
  const courseId = await addCourse(db)
  const receiver = await openReceiver(respond)
  onTestFinished(() => receiver[Symbol.asyncDispose]())
  const made = await webhooks.create({ url: receiver.url, courseIds: [courseId], ...fields })
  onTestFinished(async () => void (await db.deleteFrom('webhooks').where('id', '=', made.id).execute()))
  return { ...made, receiver, courseId }
}

async function enrolled(courseId: string): Promise<string> {
  const { username } = await addLearner(db)
  await enrollment.enroll({ username, courseId })
  return username
}

function messages(receiver: Receiver, count: number) {
  return eventually(() => {
    expect(receiver.received.length).toBeGreaterThanOrEqual(count)
    return receiver.received
  })
}

/** The one delivery of an endpoint, once it has a state and so many attempts. */
function only(id: string, state: WebhookDelivery['state'], attempts = 0): Promise<WebhookDelivery> {
  return eventually(async () => {
    const [delivery, ...others] = (await webhooks.deliveries({ id })).items
    expect(others).toEqual([])
    if (delivery?.state !== state || delivery.attempts < attempts) throw new Error(`It is ${JSON.stringify(delivery)}`)
    return delivery
  })
}

async function countOf(id: string, state: WebhookDelivery['state'], attempts = 0): Promise<number> {
  const rows = await db
    .selectFrom('webhook_deliveries')
    .select('id')
    .where('webhook_id', '=', id)
    .where('state', '=', state)
    .where('attempts', '>=', attempts)
    .execute()
  return rows.length
}

async function pendingCount({ url }: Receiver): Promise<number> {
  const rows = await db
    .selectFrom('webhook_deliveries as d')
    .innerJoin('webhooks as w', 'w.id', 'd.webhook_id')
    .select('d.id')
    .where('w.url', '=', url)
    .where('d.state', '=', 'pending')
    .execute()
  return rows.length
}

function verify(received: Receiver['received'][number] | undefined, secret: string): void {
  new Verifier(secret).verify(received?.body ?? '', received?.headers as Record<string, string>)
}
