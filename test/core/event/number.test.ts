import { sql } from 'kysely'
import { afterAll, expect, test } from 'vitest'
import { NUMBER_OF_EVENTS } from '../../../core/event/number.ts'
import { createTestDatabase } from '../../support/database.ts'

const database = await createTestDatabase()
const { db } = database
afterAll(() => database[Symbol.asyncDispose]())

test('a statement numbers its events as the default of the column does, also while younger transactions are at work', async () => {
  const numbers: bigint[] = []
  await db.transaction().execute(async (trx) => {
    await sql`select pg_current_xact_id()`.execute(trx)
    for (let younger = 0; younger < 3; younger += 1) {
      await sql`select pg_current_xact_id()`.execute(db)
      const { rows } = await sql<{ byDefault: string; asked: string }>`
        with event as (
          insert into enrollment_events (enrollment_id, version, kind, after_mode, after_is_active, actor_kind,
            actor_name, via, at)
          select 1, ${younger} * 2 + n, 'created', 'audit', true, 'service', 'tests', 'caller', now()
          from generate_series(1, 2) n
          returning transaction_id
        )
        select transaction_id::text as "byDefault", ${sql.raw(NUMBER_OF_EVENTS)}::text as asked from event`.execute(trx)
      const [one, two] = rows
      expect(one?.asked).toBe(one?.byDefault)
      expect(two).toEqual(one)
      numbers.push(BigInt(one?.asked ?? 0))
    }
  })
  // So it is not just the own id. Other databases of this server draw ids too.
  const [first = 0n, second = 0n, third = 0n] = numbers
  expect(second).toBeGreaterThan(first)
  expect(third).toBeGreaterThan(second)
})

test('where there is no event, none is numbered', async () => {
  await db.transaction().execute(async (trx) => {
    await sql`
      insert into enrollment_events (transaction_id, enrollment_id, version, kind, after_mode, after_is_active,
        actor_kind, actor_name, via, at)
      select ${sql.raw(NUMBER_OF_EVENTS)}, 1, 1, 'created', 'audit', true, 'service', 'tests', 'caller', now()
      from generate_series(1, 0)`.execute(trx)
    const { rows } = await sql<{ id: string | null }>`select pg_current_xact_id_if_assigned()::text as id`.execute(trx)
    expect(rows).toEqual([{ id: null }])
  })
})
