import { sql, type Kysely } from 'kysely'
import { afterAll, describe, expect, test } from 'vitest'
import { isDatabaseUnavailable, isSerializationFailure } from '../../../core/database/failure.ts'
import { openDatabase } from '../../../core/database/open.ts'
import type { DB } from '../../../core/database/schema.ts'
import { EnrollmentError, failure } from '../../../core/errors.ts'
import { createTestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'
import { addCourse, addLearners } from '../../support/seed.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db, connectionString } = database
await sql`create table counter (id integer primary key, value integer not null)`.execute(db)
await sql`insert into counter values (1, 0), (2, 0)`.execute(db)

describe('the database is unavailable', () => {
  test('where nothing listens', async () => {
    expect(await judged(`postgresql://postgres@127.0.0.1:1/none`)).toEqual({ unavailable: true, tie: false })
  })

  test('where its host has no address', async () => {
    expect(await judged('postgresql://postgres@no-such-host.invalid/none')).toMatchObject({ unavailable: true })
  })

  test('where its socket does not exist', async () => {
    expect(await judged('postgresql:///none?host=/no/such/directory')).toMatchObject({ unavailable: true })
  })

  test('when every connection is taken for too long', async () => {
    await using small = openDatabase({ connectionString, poolSize: 1, connectionTimeoutMs: 2_000 })
    const holding = await small.startTransaction().execute()
    expect(judgement(await errorOf(sql`select 1`.execute(small)))).toEqual({ unavailable: true, tie: false })
    await holding.rollback().execute()
    await sql`select 1`.execute(small)
  })

  test('when it ends the connection in the middle, and the next call has another', async () => {
    await using small = openDatabase({ connectionString, poolSize: 1 })
    const killed = await errorOf(sql`select pg_terminate_backend(pg_backend_pid())`.execute(small))
    expect(judgement(killed)).toEqual({ unavailable: true, tie: false })
    // Until the end of the connection has arrived too, a call may still be given to it.
    await eventually(() => sql`select 1`.execute(small))
  })

  test('when it ends the connection of a transaction, at whatever is done next', async () => {
    await using small = openDatabase({ connectionString, poolSize: 2 })
    const transaction = small.transaction().execute(async (trx) => {
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(trx)
      await sql`select pg_terminate_backend(${rows[0]?.pid ?? 0})`.execute(small)
      await sql`select 1`.execute(trx)
    })
    expect(judgement(await errorOf(transaction))).toMatchObject({ unavailable: true })
    await sql`select 1`.execute(small)
  })

  test('after the pool was closed', async () => {
    const closed = openDatabase({ connectionString })
    await sql`select 1`.execute(closed)
    await closed.destroy()
    expect(judgement(await errorOf(sql`select 1`.execute(closed)))).toMatchObject({ unavailable: true })
  })
})

describe('a tie that the database broke', () => {
  test('is a serialization failure', async () => {
    const old = await db.startTransaction().setIsolationLevel('repeatable read').execute()
    await sql`select * from counter`.execute(old)
    await increment(db, 1)
    expect(judgement(await errorOf(increment(old, 1)))).toEqual({ unavailable: true, tie: true })
    await old.rollback().execute()
  })

  test('is a deadlock', async () => {
    const [a, b] = [await db.startTransaction().execute(), await db.startTransaction().execute()]
    await increment(a, 1)
    await increment(b, 2)
    const both = await Promise.allSettled([increment(a, 2), increment(b, 1)])
    const [loser] = both.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
    expect(judgement(loser)).toEqual({ unavailable: true, tie: true })
    await a.rollback().execute()
    await b.rollback().execute()
  })
})

test('what comes from a tie is one, what comes from anything else is none', async () => {
  const tie = await errorOf(sql.raw(`do $$ begin raise exception using errcode = '40P01'; end $$`).execute(db))
  const told = new EnrollmentError(failure('unavailable', {}), { cause: tie })
  expect(isSerializationFailure(new Error('of a door', { cause: told }))).toBe(true)
  const lost = new EnrollmentError(failure('unavailable', {}), { cause: new Error('Connection terminated') })
  expect(isSerializationFailure(new Error('of a door', { cause: lost }))).toBe(false)
})

test('a taken id of an enrollment is one: an upsert has missed the row, which somebody was moving', async () => {
  const [learner] = await addLearners(db, 1)
  const course = await sql<{ id: number }>`select id from courses where course_key = ${await addCourse(db)}`.execute(db)
  const insert = (id: number) =>
    sql`insert into enrollments (id, learner_id, course_id, mode, is_active, version, created, updated)
      overriding system value values (7, ${id}, ${course.rows[0]?.id}, 'audit', true, 1, now(), now())`.execute(db)
  await insert(learner?.id ?? 0)
  expect(judgement(await errorOf(insert((learner?.id ?? 0) + 1)))).toEqual({ unavailable: false, tie: true })
})

describe('neither', () => {
  test.each(['select 1 / 0', 'select from no_such_table', 'select', 'insert into counter values (1, 1)'])(
    '%s',
    async (text) => {
      expect(judgement(await errorOf(sql.raw(text).execute(db)))).toEqual({ unavailable: false, tie: false })
    },
  )

  test.each([new Error('no'), new RangeError('Connection'), 'ECONNREFUSED', { code: 'ECONNREFUSED' }, null, undefined])(
    '%o',
    (error) => {
      expect(judgement(error)).toEqual({ unavailable: false, tie: false })
    },
  )
})

function judgement(error: unknown) {
  return { unavailable: isDatabaseUnavailable(error), tie: isSerializationFailure(error) }
}

async function judged(connectionString: string) {
  await using unreachable = openDatabase({ connectionString, connectionTimeoutMs: 3_000 })
  return judgement(await errorOf(sql`select 1`.execute(unreachable)))
}

async function errorOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  )
}

async function increment(on: Kysely<DB>, id: number): Promise<void> {
  await sql`update counter set value = value + 1 where id = ${id}`.execute(on)
}
