import { sql, type Kysely } from 'kysely'
import { afterAll, expect, test } from 'vitest'
import type { DB } from '../../../core/database/schema.ts'
import { createTestDatabase } from '../../support/database.ts'
import { addLearners } from '../../support/seed.ts'
import { importAll } from '../../support/transfer.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database

const [STORED, BROUGHT] = [4000, 1000]

test('accounts of a file are looked up one by one: those that are not in it are not read', async () => {
  await addLearners(db, STORED)
  await sql`analyze learners`.execute(db)
  const lines = Array.from({ length: BROUGHT }, (_, n) => ({
    type: 'user',
    username: `new${n}`,
    email: `new${n}@x.example`,
  }))
  const { looks, read } = await db.transaction().execute(async (trx) => {
    // Of this transaction, and of what the connection did before and has not told the server yet.
    const before = await readOf(trx)
    expect(await importAll(trx, lines)).toMatchObject({ kept: BROUGHT, written: BROUGHT })
    const after = await readOf(trx)
    return { looks: after.looks - before.looks, read: after.read - before.read }
  })
  expect(looks).toBeGreaterThanOrEqual(BROUGHT)
  expect(read).toBeLessThan(STORED)
})

async function readOf(trx: Kysely<DB>): Promise<{ looks: number; read: number }> {
  const { rows } = await sql<{ looks: number; read: number }>`
    select idx_scan::integer as looks, (seq_tup_read + idx_tup_fetch)::integer as read
    from pg_stat_xact_user_tables where relname = 'learners'`.execute(trx)
  return rows[0] ?? { looks: 0, read: 0 }
}
