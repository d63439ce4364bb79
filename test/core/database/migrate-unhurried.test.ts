import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import { sql } from 'kysely'
import { migrateExtension } from '../../../core/database/migrate.ts'
import { openDatabase } from '../../../core/database/open.ts'
import { createTestDatabase } from '../../support/database.ts'

// A migration takes as long as it takes, whatever the time-outs of the pool that it is given.

const database = await createTestDatabase()
const TIMEOUT_MS = 200
const pool = openDatabase({
  connectionString: database.connectionString,
  statementTimeoutMs: TIMEOUT_MS,
  lockTimeoutMs: TIMEOUT_MS,
})
afterAll(async () => {
  await pool.destroy()
  await database[Symbol.asyncDispose]()
})

test('a statement of it may be slower than one of a call', async () => {
  const up = async (db: typeof pool) => {
    await sql`select pg_sleep(${(TIMEOUT_MS * 4) / 1_000})`.execute(db)
  }
  expect(await migrateExtension(pool, { name: 'sleepy', migrations: { '0001_sleep': { up } } })).toEqual(['0001_sleep'])
})

test('it waits for what another process holds', async () => {
  await sql`create table held ()`.execute(database.db)
  const holder = await database.db.startTransaction().execute()
  await sql`lock table held`.execute(holder)
  const up = async (db: typeof pool) => void (await sql`alter table held add column a int`.execute(db))
  let isDone = false
  const migrated = migrateExtension(pool, { name: 'patient', migrations: { '0001_alter': { up } } })
  migrated.then(
    () => (isDone = true),
    () => (isDone = true),
  )
  await sleep(TIMEOUT_MS * 4)
  expect(isDone, 'it waits').toBe(false)
  await holder.commit().execute()
  expect(await migrated).toEqual(['0001_alter'])
})
