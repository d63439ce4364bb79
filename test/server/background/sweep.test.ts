import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { openDatabase } from '../../../core/database/open.ts'
import { sweepFromTimeToTime } from '../../../server/background/sweep.ts'
import { createTestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'

const AT_ONCE = { firstMs: 1, everyMs: 1 }
const LATER = { firstMs: 1, everyMs: 60_000 }

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database

const told: [object, string][] = []
const log = { warn: (fields: object, message: string) => void told.push([fields, message]) }

beforeEach(async () => {
  told.length = 0
  await sql`truncate idempotency_keys`.execute(db)
})

test('deletes what has expired, again and again, and keeps the rest', async () => {
  await addKeys({ old: 26, young: 23 })
  using _sweeping = sweepFromTimeToTime(db, log, AT_ONCE)
  await eventually(async () => expect(await keys()).toEqual(['young']))
  await addKeys({ older: 48 })
  await eventually(async () => expect(await keys()).toEqual(['young']))
  expect(told).toEqual([])
})

test('waits between two sweeps', async () => {
  await addKeys({ old: 26, young: 23 })
  using _sweeping = sweepFromTimeToTime(db, log, LATER)
  await eventually(async () => expect(await keys()).toEqual(['young']))
  await addKeys({ older: 48 })
  await sleep(50)
  expect(await keys()).toEqual(['older', 'young'])
})

test('tells the log when it fails, and goes on', async () => {
  const broken = openDatabase({ connectionString: 'postgresql://127.0.0.1:1/nowhere' })
  {
    using _sweeping = sweepFromTimeToTime(broken, log, AT_ONCE)
    await eventually(() => expect(told.length).toBeGreaterThan(2))
  }
  await broken.destroy()
  expect(told[0]).toEqual([{ err: expect.any(Error) }, 'sweeping idempotency keys failed'])
})

test('ends with its disposal, and says nothing about what it was in the middle of', async () => {
  const ending = openDatabase({ connectionString: database.connectionString })
  const sweeping = sweepFromTimeToTime(ending, log, AT_ONCE)
  await sleep(20)
  sweeping[Symbol.dispose]()
  await ending.destroy()
  await addKeys({ late: 48 })
  await sleep(50)
  expect(await keys()).toEqual(['late'])
  expect(told).toEqual([])
})

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
