import { afterAll, beforeEach, expect, test } from 'vitest'
import { KEPT_MS, sweepWebhooks } from '../../../core/webhook/sweep.ts'
import { createTestDatabase } from '../../support/database.ts'
import { webhookCaller } from '../../support/webhooks.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const { webhooks } = webhookCaller(db)

const NOW = new Date()
const OLD = new Date(NOW.getTime() - KEPT_MS - 1_000)
const YOUNG = new Date(NOW.getTime() - KEPT_MS + 60_000)

beforeEach(async () => {
  await db.deleteFrom('webhook_deliveries').execute()
  await db.deleteFrom('webhooks').execute()
})

test('what is older than 30 days goes, but nothing that is still to be delivered', async () => {
  const { id } = await webhooks.create({ url: 'https://example.org/' })
  for (const at of [OLD, YOUNG]) {
    for (const state of ['delivered', 'dead', 'pending']) await deliver(id, state, at)
  }
  await sweep()
  expect(await left(id)).toEqual(['dead young', 'delivered young', 'pending old', 'pending young'])
})

test('what is left of an endpoint that was deleted goes', async () => {
  const [{ id: kept }, { id: deleted }] = [await create(), await create()]
  for (const id of [kept, deleted]) {
    for (const state of ['delivered', 'dead', 'pending']) await deliver(id, state, YOUNG)
  }
  await webhooks.delete({ id: deleted })
  await sweep()
  expect(await left(deleted)).toEqual([])
  expect(await left(kept)).toHaveLength(3)
})

test('what an endpoint has pending dies when it is disabled, however much it is', async () => {
  const { id } = await create()
  await db
    .insertInto('webhook_deliveries')
    .values(
      Array.from({ length: 2_000 }, () => ({
        webhook_id: id,
        state: 'pending',
        at: NOW.toISOString(),
        next_attempt_at: NOW.toISOString(),
      })),
    )
    .execute()
  // As another process leaves it that makes deliveries in that moment.
  await db.updateTable('webhooks').set({ state: 'disabled', disabled_because: 'gone' }).where('id', '=', id).execute()
  await sweep()
  expect(new Set(await left(id))).toEqual(new Set(['dead young']))
})

async function sweep(): Promise<void> {
  await sweepWebhooks(db, NOW, new AbortController().signal)
}

function create() {
  return webhooks.create({ url: 'https://example.org/' })
}

async function deliver(id: string, state: string, at: Date): Promise<void> {
  const next = state === 'pending' ? at.toISOString() : null
  await db
    .insertInto('webhook_deliveries')
    .values({ webhook_id: id, state, at: at.toISOString(), next_attempt_at: next })
    .execute()
}

async function left(id: string): Promise<string[]> {
  const rows = await db.selectFrom('webhook_deliveries').select(['state', 'at']).where('webhook_id', '=', id).execute()
  return rows.map(({ state, at }) => `${state} ${Date.parse(at) < YOUNG.getTime() ? 'old' : 'young'}`).toSorted()
}
