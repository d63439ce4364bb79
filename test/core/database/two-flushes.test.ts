import { CompiledQuery, sql } from 'kysely'
import { afterAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { isDatabaseUnavailable, isLockTimeout, isUniqueViolation } from '../../../core/database/failure.ts'
import { openDatabase, type Database } from '../../../core/database/open.ts'
import { connectionsOf } from '../../../core/database/own-pools.ts'
import { sendTogether } from '../../../core/database/send-together.ts'
import { inTransaction, withSavepoint } from '../../../core/database/transaction.ts'
import { createTestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'
import { openWire } from '../../support/wire.ts'

const database = await createTestDatabase()
const { db, connectionString } = database
afterAll(() => database[Symbol.asyncDispose]())
await sql`create table notes (id integer primary key, text text)`.execute(db)

const insert = (id: number) => CompiledQuery.raw('/* note.insert */ insert into notes values ($1, $2)', [id, 'note'])
const count: CompiledQuery<{ n: string }> = CompiledQuery.raw('/* note.count */ select count(*) as n from notes')
const PID: CompiledQuery<{ pid: number }> = CompiledQuery.raw('select pg_backend_pid() as pid')
const DIVISION = CompiledQuery.raw('select 1 / $1::integer', [0])
const MISSPELT = CompiledQuery.raw('/* note.misspelt */ selekt $1::integer', [1])
const HELD = CompiledQuery.raw('select from notes where id = 0 for update')

let pool: Database
beforeEach(async () => {
  await sql`truncate notes`.execute(db)
  await db.executeQuery(insert(0))
  // One connection: what is left on it is found by whoever comes next.
  pool = openDatabase({ connectionString, poolSize: 1 })
  onTestFinished(() => pool.destroy())
})

test('all of it is seen in order, and kept', async () => {
  const counts = await inTransaction(pool, async (trx, end) => {
    const [, { rows: first }] = await sendTogether(trx, [insert(1), count])
    const [, { rows: last }] = await end.sendLast([insert(2), count])
    return [first[0]?.n, last[0]?.n]
  })
  expect(counts).toEqual(['2', '3'])
  expect(await stored()).toEqual([0, 1, 2])
  await expectClean()
})

test('how many rows were written is told as by a statement alone', async () => {
  await inTransaction(pool, async (trx) => {
    const statement = sql`delete from notes`.compile(trx)
    expect((await trx.executeQuery(statement)).numAffectedRows).toBe(1n)
    throw new Error('Back')
  }).catch(() => {})
  expect(await stored()).toEqual([0])
})

test('a transaction in which nothing was sent is none, whether it is kept or not', async () => {
  await inTransaction(pool, async () => {})
  await expect(inTransaction(pool, () => Promise.reject(new Error('Back')))).rejects.toThrow('Back')
  await withSavepoint(pool, async () => ({ keep: false, value: null }))
  await expectClean()
})

test('under a savepoint within it only what came after it is taken back', async () => {
  await inTransaction(pool, async (trx, end) => {
    await trx.executeQuery(insert(1))
    await withSavepoint(trx, async () => ({ keep: false, value: await trx.executeQuery(insert(2)) }))
    await withSavepoint(trx, async () => ({ keep: true, value: null, last: [insert(3)] }))
    await withSavepoint(trx, () => Promise.reject(new Error('Nothing was sent'))).catch(() => {})
    await end.sendLast([insert(4)])
  })
  expect(await stored()).toEqual([0, 1, 3, 4])
  await expectClean()
})

describe.each([
  ['cannot be parsed', MISSPELT, /syntax error/],
  ['fails', DIVISION, /division by zero/],
  ['breaks a rule of the table', insert(0), isUniqueViolation],
] as const)('a statement that %s', (_, bad, reason) => {
  test.each([
    ['first', [bad, insert(1), count]],
    ['second', [insert(1), bad, count]],
    ['last', [insert(1), count, bad]],
  ] as const)('as the %s of the first go: nothing is kept, and the connection is clean', async (__, queries) => {
    for (let time = 0; time < 2; time += 1) {
      const error = await errorOf(inTransaction(pool, (trx) => sendTogether(trx, queries)))
      expectReason(error, reason)
      await expectClean()
    }
    expect(await stored()).toEqual([0])
  })

  test.each([
    ['first', [bad, insert(2)]],
    ['last', [insert(2), bad]],
  ] as const)('as the %s of the last go: nothing is committed, and the connection is clean', async (__, queries) => {
    for (let time = 0; time < 2; time += 1) {
      const work = inTransaction(pool, async (trx, end) => {
        await sendTogether(trx, [insert(1), count])
        await end.sendLast(queries)
      })
      expectReason(await errorOf(work), reason)
      await expectClean()
    }
    expect(await stored()).toEqual([0])
  })
})

test('a commit that is refused keeps nothing', async () => {
  await sql`create or replace function refuse() returns trigger language plpgsql as $$ begin raise 'refused'; end $$`.execute(
    db,
  )
  await sql`create constraint trigger refuse after insert on notes deferrable initially deferred for each row
    when (new.id = 7) execute function refuse()`.execute(db)
  const work = inTransaction(pool, (_, end) => end.sendLast([insert(7)]))
  expect((await errorOf(work)).message).toBe('refused')
  await expectClean()
  expect(await stored()).toEqual([0])
})

test('a commit after a failure that was swallowed is no success', async () => {
  const work = inTransaction(pool, async (trx, end) => {
    await trx.executeQuery(DIVISION).catch(() => {})
    await end.sendLast([])
  })
  expect(isDatabaseUnavailable(await errorOf(work))).toBe(true)
  await expectClean()
})

test('a value that cannot be sent fails what it stands in, and nothing else', async () => {
  const bad = CompiledQuery.raw('select $1', [
    {
      toPostgres: () => {
        throw new Error('no value')
      },
    },
  ])
  const error = await errorOf(inTransaction(pool, (trx) => sendTogether(trx, [insert(1), bad, insert(2)])))
  expect(error.message).toBe('no value')
  await expectClean()
  expect(await stored()).toEqual([0])
})

test('a lock that somebody holds ends the first go after a moment', async () => {
  const holder = await db.startTransaction().execute()
  await holder.executeQuery(HELD)
  expect(isLockTimeout(await errorOf(inTransaction(pool, (trx) => sendTogether(trx, [HELD, count]))))).toBe(true)
  await holder.rollback().execute()
  await expectClean()
})

test('what is prepared was prepared once, also after a failure before it', async () => {
  const names = async () => {
    const { rows } = await sql<{ name: string }>`
      select name from pg_prepared_statements where name like 'note%' order by name`.execute(pool)
    return rows.map(({ name }) => name)
  }
  await errorOf(inTransaction(pool, (trx) => sendTogether(trx, [DIVISION, count])))
  expect(await names()).toEqual([])
  for (let time = 0; time < 2; time += 1) await inTransaction(pool, (trx) => sendTogether(trx, [count, count]))
  expect(await names()).toEqual(['note.count'])
  await sql`deallocate all`.execute(pool)
  // The connection learns that they are gone, and the next time they have other names.
  await errorOf(inTransaction(pool, (trx) => sendTogether(trx, [count])))
  await inTransaction(pool, (trx) => sendTogether(trx, [count]))
  expect(await names()).toEqual(['note.count#1'])
})

describe('a connection that is lost', () => {
  test('between the two goes: nothing is kept, and another one takes its place', async () => {
    const work = inTransaction(pool, async (trx, end) => {
      const [{ rows }] = await sendTogether(trx, [PID, insert(1)])
      await sql`select pg_terminate_backend(${rows[0]?.pid})`.execute(db)
      await end.sendLast([insert(2)])
    })
    expect(isDatabaseUnavailable(await errorOf(work))).toBe(true)
    await expectClean()
    expect(await stored()).toEqual([0])
  })

  test.each([
    ['request', [0]],
    ['answer', [0, 1, 5]],
  ] as const)(
    'at the %s of the last go: it is as the server has it, and nobody is told of a success',
    async (at, kept) => {
      await using wire = await openWire(connectionString)
      await using cut = openDatabase({ connectionString: wire.connectionString, poolSize: 1 })
      await sql`select 1`.execute(cut)
      const caught = wire.ambush('select 5 as five', at)
      const work = inTransaction(cut, async (trx, end) => {
        await sendTogether(trx, [insert(1), count])
        await end.sendLast([insert(5), CompiledQuery.raw('select 5 as five')])
      })
      const failed = errorOf(work)
      ;(await caught)()
      expect(isDatabaseUnavailable(await failed)).toBe(true)
      expect(await stored()).toEqual(kept)
      expect((await sql`select 1`.execute(cut)).rows).toHaveLength(1)
    },
  )
})

/** The only connection of the pool is there for others, and no transaction is open on it. */
async function expectClean(): Promise<void> {
  const { rows } = await sql`select pg_current_xact_id_if_assigned() as id, 1 as one`.execute(pool)
  expect(rows).toEqual([{ id: null, one: 1 }])
  expect(connectionsOf(pool)).toMatchObject({ size: 1, idle: 1, waiting: 0 })
  // What was begun for a connection that was cut is there until its process has ended.
  await eventually(async () => {
    const open = await sql`
      select from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'`.execute(db)
    expect(open.rows).toEqual([])
  })
}

async function stored(): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`select id from notes order by id`.execute(db)
  return rows.map(({ id }) => id)
}

async function errorOf(work: Promise<unknown>): Promise<Error> {
  const [settled] = await Promise.allSettled([work])
  if (settled.status === 'fulfilled') throw new Error('It did not fail')
  if (!(settled.reason instanceof Error)) throw new TypeError('Not an error')
  return settled.reason
}

function expectReason(error: Error, reason: RegExp | ((error: Error) => boolean)): void {
  if (reason instanceof RegExp) expect(error.message).toMatch(reason)
  else expect(reason(error)).toBe(true)
}
