import { afterAll, describe, expect, test } from 'vitest'
import type { z } from 'zod'
import { fanOut } from '../../core/webhook/fan-out.ts'
import { createCaller, enrollmentErrorFrom } from '../../routers/index.ts'
import { operations } from '../../routers/operations.ts'
import { createTestDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { addCourse, addLearner, addLearners } from '../support/seed.ts'
import { webhookCaller } from '../support/webhooks.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const { webhooks, enrollment } = webhookCaller(db)
const outputs = operations.webhooks

const NOBODY = '00000000-0000-4000-8000-000000000000'

describe('an endpoint', () => {
  test('is made with its defaults, and its secret is shown this once', async () => {
    const made = outputs.create.output.parse(await webhooks.create({ url: 'https://example.org/hook' }))
    expect(made.secret).toMatch(/^whsec_/)
    const read = outputs.get.output.parse(await webhooks.get({ id: made.id }))
    expect(read).toEqual({
      id: made.id,
      url: 'https://example.org/hook',
      description: null,
      kinds: null,
      courseIds: null,
      format: 'enrollment',
      state: 'enabled',
      disabledBecause: null,
      failingSince: null,
      lastError: null,
      created: expect.any(String),
      updated: expect.any(String),
    })
  })

  test('is stored without anything of its secret', async () => {
    const { secret } = await webhooks.create({ url: 'https://example.org/' })
    const rows = await db.selectFrom('webhooks').select(['secret']).execute()
    const bytes = Buffer.from(secret.slice('whsec_'.length), 'base64')
    for (const row of rows) expect(row.secret.includes(bytes)).toBe(false)
  })

  test('is changed in what is given alone', async () => {
    const courseId = await addCourse(db)
    const { id } = await webhooks.create({ url: 'https://example.org/', description: 'one', kinds: ['created'] })
    const changed = outputs.update.output.parse(
      await webhooks.update({ id, courseIds: [courseId], kinds: null, format: 'openedx' }),
    )
    expect(changed).toMatchObject({ description: 'one', kinds: null, courseIds: [courseId], format: 'openedx' })
    expect(await webhooks.update({ id, url: 'https://example.com/' })).toMatchObject({ url: 'https://example.com/' })
    expect(await webhooks.update({ id, description: null })).toMatchObject({ description: null })
  })

  test('is disabled and enabled, and its pending deliveries die', async () => {
    const courseId = await addCourse(db)
    const { id } = await webhooks.create({ url: 'https://example.org/', courseIds: [courseId] })
    const { username } = await addLearner(db)
    await enrollment.enroll({ username, courseId })
    await made(id, 1)
    const disabled = await webhooks.update({ id, state: 'disabled' })
    expect(disabled).toMatchObject({ state: 'disabled', disabledBecause: 'requested' })
    const { items } = await webhooks.deliveries({ id })
    expect(items).toMatchObject([{ state: 'dead', nextAttemptAt: null, lastError: 'The endpoint was disabled' }])
    expect(await webhooks.update({ id, state: 'enabled' })).toMatchObject({ state: 'enabled', disabledBecause: null })
    expect((await webhooks.deliveries({ id })).items).toMatchObject([{ state: 'dead' }])
  })

  test('that is deleted is not there any more', async () => {
    const { id } = await webhooks.create({ url: 'https://example.org/' })
    expect(outputs.delete.output.parse(await webhooks.delete({ id }))).toEqual({ id })
    expect(await refusalOf(webhooks.get({ id }))).toBe('webhookNotFound')
  })

  test('gets another secret', async () => {
    const { id, secret } = await webhooks.create({ url: 'https://example.org/' })
    const rotated = outputs.rotateSecret.output.parse(await webhooks.rotateSecret({ id, overlapHours: 0 }))
    expect(rotated.secret).not.toBe(secret)
  })
})

describe('lists', () => {
  test('of endpoints come in pages, the oldest first', async () => {
    await db.deleteFrom('webhooks').execute()
    const ids: string[] = []
    for (let count = 0; count < 103; count += 1) ids.push((await webhooks.create({ url: 'https://example.org/' })).id)
    const first = outputs.list.output.parse(await webhooks.list({}))
    expect(first.items).toHaveLength(100)
    const second = await webhooks.list({ cursor: first.nextCursor ?? '' })
    expect(second.nextCursor).toBeNull()
    expect([...first.items, ...second.items].map(({ id }) => id).toSorted()).toEqual(ids.toSorted())
    await db.deleteFrom('webhooks').execute()
  })

  test('of deliveries come in pages, the newest first, of one state where that is asked for', async () => {
    const courseId = await addCourse(db)
    const { id } = await webhooks.create({ url: 'https://example.org/', courseIds: [courseId] })
    const learners = await addLearners(db, 150)
    await enrollment.enrollMany({ items: learners.map(({ username }) => ({ username, courseId })) })
    await made(id, 150)
    await db
      .updateTable('webhook_deliveries')
      .set({ state: 'dead', next_attempt_at: null })
      .where('webhook_id', '=', id)
      .where('version', '=', 1)
      .where((eb) =>
        eb('id', 'in', eb.selectFrom('webhook_deliveries').select('id').where('webhook_id', '=', id).limit(20)),
      )
      .execute()
    const first = outputs.deliveries.output.parse(await webhooks.deliveries({ id }))
    expect(first.items).toHaveLength(100)
    const second = await webhooks.deliveries({ id, cursor: first.nextCursor ?? '' })
    expect(second).toMatchObject({ nextCursor: null })
    const all = [...first.items, ...second.items].map((delivery) => Number(delivery.id))
    expect(new Set(all).size).toBe(150)
    expect(all).toEqual(all.toSorted((one, other) => other - one))
    expect((await webhooks.deliveries({ id, state: 'dead' })).items).toHaveLength(20)
    expect((await webhooks.deliveries({ id, state: 'delivered' })).items).toEqual([])
  })
})

test('a test is a delivery without an event', async () => {
  const { id } = await webhooks.create({ url: 'https://example.org/' })
  const delivery = outputs.test.output.parse(await webhooks.test({ id }))
  expect(delivery).toMatchObject({ webhookId: id, eventId: null, cursor: null, state: 'pending', attempts: 0 })
  expect((await webhooks.deliveries({ id })).items).toEqual([delivery])
})

describe('what is refused', () => {
  test.each([NOBODY, 'nothing', '', '1'])('an endpoint that is not there: %j', async (id) => {
    const calls = [
      webhooks.get({ id }),
      webhooks.update({ id }),
      webhooks.delete({ id }),
      webhooks.rotateSecret({ id }),
      webhooks.test({ id }),
      webhooks.deliveries({ id }),
      webhooks.replay({ id, after: '0-0' }),
      webhooks.replay({ id, deliveryId: '1' }),
    ]
    expect(await Promise.all(calls.map(refusalOf))).toEqual(calls.map(() => 'webhookNotFound'))
  })

  test('a test of one that is disabled', async () => {
    const { id } = await webhooks.create({ url: 'https://example.org/' })
    await webhooks.update({ id, state: 'disabled' })
    expect(await refusalOf(webhooks.test({ id }))).toBe('webhookDisabled')
  })

  test('a private address, also as a change', async () => {
    const url = 'https://10.0.0.1/'
    expect(await refusalOf(webhooks.create({ url }))).toBe('webhookUrlRefused')
    const { id } = await webhooks.create({ url: 'https://example.org/' })
    expect(await refusalOf(webhooks.update({ id, url }))).toBe('webhookUrlRefused')
  })

  test('what is no course key', async () => {
    const url = 'https://example.org/'
    expect(await refusalOf(webhooks.create({ url, courseIds: ['nothing'] }))).toBe('invalidCourseKey')
  })

  test('making one where there is no key for secrets', async () => {
    const bare = createCaller({ db, actor: { kind: 'service', name: 'tests' } })
    expect(await refusalOf(bare.webhooks.create({ url: 'https://example.org/' }))).toBe('webhooksNotConfigured')
  })

  test.each([
    ['create', { url: 'https://example.org/', kinds: [] }],
    ['create', { url: 'https://example.org/', kinds: ['nothing'] }],
    ['create', { url: 'https://example.org/', format: 'xml' }],
    ['create', { url: 'https://example.org/\0' }],
    ['create', {}],
    ['list', { cursor: 'nothing' }],
    ['list', { cursor: '2026-02-30T00:00:00Z_00000000-0000-4000-8000-000000000000' }],
    ['list', { cursor: '2026-13-45T00:00:00Z_00000000-0000-4000-8000-000000000000' }],
    ['update', { id: NOBODY, state: 'paused' }],
    ['rotateSecret', { id: NOBODY, overlapHours: -1 }],
    ['deliveries', { id: NOBODY, cursor: 'nothing' }],
    ['deliveries', { id: NOBODY, state: 'lost' }],
    ['replay', { id: NOBODY }],
    ['replay', { id: NOBODY, after: 'latest' }],
    ['replay', { id: NOBODY, after: '0-0', deliveryId: '1' }],
  ] as const)('malformed input of %s: %j', (name, input) => {
    const schema: z.ZodType = operations.webhooks[name].input
    expect(schema.safeParse(input).success).toBe(false)
  })
})

async function refusalOf(call: Promise<unknown>): Promise<string | undefined> {
  return call.then(
    () => 'accepted',
    (error: unknown) => enrollmentErrorFrom(error)?.code,
  )
}

function made(id: string, count: number): Promise<void> {
  return eventually(async () => {
    await fanOut(db, new Date())
    const rows = await db.selectFrom('webhook_deliveries').select('id').where('webhook_id', '=', id).execute()
    expect(rows).toHaveLength(count)
  })
}
