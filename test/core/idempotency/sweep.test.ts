import { sql } from 'kysely'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { withIdempotencyKey } from '../../../core/idempotency/key.ts'
import { KEPT_MS, SWEEP_STEP, sweepIdempotencyKeys } from '../../../core/idempotency/sweep.ts'
import { counting } from '../../support/counting.ts'
import { createTestDatabase } from '../../support/database.ts'

const NOW = new Date('2026-03-04T12:00:00Z')
const HOUR_MS = 60 * 60 * 1000

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database

beforeEach(async () => {
  await sql`truncate idempotency_keys`.execute(db)
})

test('keeps every key for 24 hours at least, and deletes it soon after', async () => {
  for (const hours of [0, 1, 23.9, 24, 26, 1_000]) await use(String(hours), ago(hours))
  expect(await sweepIdempotencyKeys(db, NOW)).toBe(2)
  expect(await keys()).toEqual(['0', '1', '23.9', '24'])
  expect(await sweepIdempotencyKeys(db, new Date(NOW.getTime() + HOUR_MS))).toBe(1)
  expect(await sweepIdempotencyKeys(db, new Date(NOW.getTime() + KEPT_MS))).toBe(3)
})

test('a key that is swept is free', async () => {
  await use('a', ago(26))
  expect(await use('a', NOW)).toMatchObject({ replayed: true })
  await sweepIdempotencyKeys(db, NOW)
  expect(await use('a', NOW)).toMatchObject({ replayed: false })
})

test('goes in steps, so that none takes long', async () => {
  await expire(2 * SWEEP_STEP + 10)
  const counted = counting(db)
  expect(await sweepIdempotencyKeys(counted.db, NOW)).toBe(2 * SWEEP_STEP + 10)
  expect(counted.statements()).toBe(3)
})

test('ends after the step that runs when it is told to', async () => {
  await expire(SWEEP_STEP + 10)
  const end = new AbortController()
  const sweep = sweepIdempotencyKeys(db, NOW, end.signal)
  end.abort()
  expect(await sweep).toBe(SWEEP_STEP)
  expect(await sweepIdempotencyKeys(db, NOW, end.signal)).toBe(0)
  expect(await sweepIdempotencyKeys(db, NOW)).toBe(10)
})

test('several at once wait for nobody, and delete everything once', async () => {
  await expire(3 * SWEEP_STEP)
  const held = await db.startTransaction().execute()
  await held.selectFrom('idempotency_keys').select('key').where('key', '=', 'expired 1').forUpdate().execute()
  const swept = await Promise.all([1, 2, 3].map(() => sweepIdempotencyKeys(db, NOW)))
  expect(swept.reduce((sum, one) => sum + one)).toBe(3 * SWEEP_STEP - 1)
  await held.rollback().execute()
  expect(await sweepIdempotencyKeys(db, NOW)).toBe(1)
})

test('finds what has expired by its index', async () => {
  await expire(10)
  // More that have not: of so few rows PostgreSQL would look at all, as soon as it has counted them.
  await sql`
    insert into idempotency_keys (scope, actor, key, input_sha256, answer, created)
    select 'notes', 'tests', 'kept ' || n, sha256(''), '1', ${NOW.toISOString()}::timestamptz
    from generate_series(1, 10000) n`.execute(db)
  await sql`analyze idempotency_keys`.execute(db)
  const { rows } = await sql<{ 'QUERY PLAN': string }>`
    explain select key from idempotency_keys where created <= ${ago(25).toISOString()}::timestamptz
    order by created limit 1000`.execute(db)
  expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toContain('idempotency_keys_created_idx')
})

function use(key: string, now: Date) {
  return withIdempotencyKey(db, { actor: 'tests', scope: 'notes', key, input: null, now }, async () => key)
}

function ago(hours: number): Date {
  return new Date(NOW.getTime() - hours * HOUR_MS)
}

async function expire(count: number): Promise<void> {
  await sql`
    insert into idempotency_keys (scope, actor, key, input_sha256, answer, created)
    select 'notes', 'tests', 'expired ' || n, sha256(''), '1', ${ago(48).toISOString()}::timestamptz
    from generate_series(1, ${count}::integer) n`.execute(db)
}

async function keys(): Promise<string[]> {
  const rows = await db.selectFrom('idempotency_keys').select('key').orderBy('created', 'desc').execute()
  return rows.map(({ key }) => key)
}
