import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { repeat } from '../../../server/background/loop.ts'
import { idempotencyKeySweep } from '../../../server/background/sweep.ts'
import { createTestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'

const AT_ONCE = { delayMs: 1, intervalMs: 1 }
const LATER = { delayMs: 1, intervalMs: 60_000 }

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database

const told: [object, string][] = []
const log = { error: (fields: object, message: string) => void told.push([fields, message]) }

beforeEach(async () => {
  told.length = 0
  await sql`truncate idempotency_keys`.execute(db)
})

test('deletes what has expired, again and again, and keeps the rest', async () => {
  await addKeys({ old: 26, young: 23 })
  using _sweeping = startSweeping(AT_ONCE)
  await eventually(async () => expect(await keys()).toEqual(['young']))
  await addKeys({ older: 48 })
  await eventually(async () => expect(await keys()).toEqual(['young']))
  expect(told).toEqual([])
})

test('waits between two sweeps', async () => {
  await addKeys({ old: 26, young: 23 })
  using _sweeping = startSweeping(LATER)
  await eventually(async () => expect(await keys()).toEqual(['young']))
  // The sweep that runs takes what comes before it has ended.
  await eventually(async () => {
    await addKeys({ older: 48 })
    await sleep(50)
    expect(await keys()).toEqual(['older', 'young'])
  })
})

test('is meant to run a second after the start, and every ten minutes', () => {
  expect(idempotencyKeySweep(db)).toMatchObject({ delayMs: 1_000, intervalMs: 600_000 })
})

function startSweeping(pace: { delayMs: number; intervalMs: number }): Disposable {
  const end = new AbortController()
  void repeat({ ...idempotencyKeySweep(db), ...pace }, log, end.signal)
  return { [Symbol.dispose]: () => end.abort() }
}

/** Keys that were used so many hours ago. */
async function addKeys(hours: Record<string, number>): Promise<void> {
  const rows = Object.entries(hours).map(([key, ago]) => ({
    scope: 'tests',
    actor: 'tests',
    key,
    input_sha256: Buffer.alloc(32),
    answer: '1',
    created: new Date(Date.now() - ago * 3_600_000).toISOString(),
  }))
  await db.insertInto('idempotency_keys').values(rows).execute()
}

async function keys(): Promise<string[]> {
  const rows = await db.selectFrom('idempotency_keys').select('key').orderBy('key').execute()
  return rows.map(({ key }) => key)
}
