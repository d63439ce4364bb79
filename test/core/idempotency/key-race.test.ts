import { sql, type Kysely } from 'kysely'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { openDatabase } from '../../../core/database/open.ts'
import type { DB } from '../../../core/database/schema.ts'
import { withIdempotencyKey, type KeyUse } from '../../../core/idempotency/key.ts'
import { createTestDatabase } from '../../support/database.ts'
import { untilWaiting } from '../../support/waiting.ts'

const database = await createTestDatabase()
const { db, connectionString } = database
// Whoever waits for a key does so for as long as a slow machine takes.
const patience = { lockTimeoutMs: 60_000 }
// Another process of the same deployment.
const other = openDatabase({ connectionString, ...patience })
afterAll(async () => {
  await other.destroy()
  await database[Symbol.asyncDispose]()
})
await sql`create table note (text text not null)`.execute(db)
await sql`create table tally (name text primary key, count integer not null)`.execute(db)

let use: KeyUse
let keys = 0
beforeEach(async () => {
  await sql`truncate note, tally`.execute(db)
  await sql`insert into tally values ('one', 0), ('two', 0)`.execute(db)
  keys += 1
  use = { actor: 'tests', scope: 'notes', key: `key ${keys}`, input: 'input', now: new Date() }
})

describe('a key that is in use in another transaction', () => {
  test('is waited for, and when that commits its answer is given', async () => {
    const first = await db.startTransaction().execute()
    await note('first', first)
    const second = note('second', other)
    await untilWaiting(db)
    expect(await notes()).toEqual([])
    await first.commit().execute()
    expect(await second).toEqual({ answer: 'first', replayed: true })
    expect(await notes()).toEqual(['first'])
  })

  test('is waited for, and when that is rolled back the work is done', async () => {
    const first = await db.startTransaction().execute()
    await note('first', first)
    const second = note('second', other)
    await untilWaiting(db)
    await first.rollback().execute()
    expect(await second).toEqual({ answer: 'second', replayed: false })
    expect(await notes()).toEqual(['second'])
  })

  test('with another input is refused when that commits, and free when it is rolled back', async () => {
    for (const end of ['rollback', 'commit'] as const) {
      const first = await db.startTransaction().execute()
      await note('first', first)
      const second = note('second', other, { ...use, input: end, key: use.key }).then(
        () => 'done',
        (error: unknown) => String(error),
      )
      await untilWaiting(db)
      await first[end]().execute()
      expect(await second).toMatch(end === 'commit' ? /was used with another input/ : /^done$/)
      use = { ...use, key: `${use.key} again` }
    }
  })

  test('holds up nobody with another key', async () => {
    const first = await db.startTransaction().execute()
    await note('first', first)
    expect(await note('second', other, { ...use, key: 'another' })).toMatchObject({ replayed: false })
    await first.rollback().execute()
  })
})

test('calls that wait for a key leave the other connections of their pool to others', async () => {
  await using small = openDatabase({ connectionString, poolSize: 2, ...patience })
  const first = await db.startTransaction().execute()
  await note('first', first)
  const waiting = Array.from({ length: 5 }, (_, n) => note(`call ${n}`, small))
  await untilWaiting(db)
  expect(await note('beside', small, { ...use, key: 'beside' })).toMatchObject({ replayed: false })
  await first.rollback().execute()
  const told = await Promise.all(waiting)
  expect(told.map(({ answer }) => answer)).toEqual(told.map(() => 'call 0'))
  expect(await notes()).toEqual(['beside', 'call 0'])
})

test('a call whose predecessor failed has its turn', async () => {
  const failing = withIdempotencyKey(db, use, () => Promise.reject(new RangeError('no')))
  const next = note('second')
  await expect(failing).rejects.toThrow(RangeError)
  expect(await next).toEqual({ answer: 'second', replayed: false })
})

test('of twenty calls at once one does the work, and all have its answer', async () => {
  const texts = Array.from({ length: 20 }, (_, n) => `call ${n}`)
  const told = await Promise.all(texts.map((text, n) => note(text, n % 2 === 0 ? db : other)))
  const [written, ...more] = await notes()
  expect(more).toEqual([])
  expect(new Set(told.map(({ answer }) => answer))).toEqual(new Set([written]))
  expect(told.filter(({ replayed }) => !replayed)).toHaveLength(1)
})

test('of twenty calls without a common key each does its work (so it is the key that keeps them from it)', async () => {
  const texts = Array.from({ length: 20 }, (_, n) => `call ${n}`)
  await Promise.all(texts.map((text) => note(text, db, { ...use, key: text })))
  expect(await notes()).toHaveLength(20)
})

test('when twenty calls fail at once, each has tried for itself', async () => {
  let tried = 0
  const failing = Array.from({ length: 20 }, () =>
    withIdempotencyKey(db, use, async (trx) => {
      tried += 1
      await write(trx, 'never')
      throw new RangeError('no')
    }),
  )
  const told = await Promise.allSettled(failing)
  expect(told.every(({ status }) => status === 'rejected')).toBe(true)
  expect([tried, await notes()]).toEqual([20, []])
})

test('a connection that ends in the middle of the work frees the key', async () => {
  const lost = withIdempotencyKey(db, use, async (trx) => {
    await write(trx, 'lost')
    await sql`select pg_terminate_backend(pg_backend_pid())`.execute(trx)
  })
  await expect(lost).rejects.toThrow(/connection|closed/i)
  expect(await note('second', other)).toEqual({ answer: 'second', replayed: false })
  expect(await notes()).toEqual(['second'])
})

describe('a tie that the database breaks', () => {
  test('on the pool the work is done again from its start, and the key is its own again', async () => {
    const attempts = { one: 0, two: 0 }
    const oneIsDone = Promise.withResolvers<void>()
    const crosswise = (first: 'one' | 'two', second: 'one' | 'two') =>
      withIdempotencyKey(db, { ...use, key: `${use.key} ${first}` }, async (trx) => {
        attempts[first] += 1
        // Two that begin again at the same time might tie again.
        if (first === 'two' && attempts.two > 1) await oneIsDone.promise
        await count(trx, first)
        await bothHaveBegun(first)
        await count(trx, second)
        return first
      })
    const begun = { one: Promise.withResolvers<void>(), two: Promise.withResolvers<void>() }
    const bothHaveBegun = async (name: 'one' | 'two') => {
      begun[name].resolve()
      await Promise.all([begun.one.promise, begun.two.promise])
    }
    const told = await Promise.all([crosswise('one', 'two').finally(oneIsDone.resolve), crosswise('two', 'one')])
    expect(told.map(({ answer, replayed }) => [answer, replayed])).toEqual([
      ['one', false],
      ['two', false],
    ])
    // One of them or both have begun again.
    expect(attempts.one + attempts.two).toBeGreaterThan(2)
    const { rows } = await sql`select name, count from tally order by name`.execute(db)
    expect(rows).toEqual([
      { name: 'one', count: 2 },
      { name: 'two', count: 2 },
    ])
    expect(await crosswise('one', 'two')).toEqual({ answer: 'one', replayed: true })
  })

  test('that never ends is given up, and the key is free', async () => {
    let tried = 0
    const tied = withIdempotencyKey(db, use, async (trx) => {
      tried += 1
      await write(trx, 'never')
      await sql.raw(`do $$ begin raise exception using errcode = '40001'; end $$`).execute(trx)
    })
    await expect(tied).rejects.toMatchObject({ code: 'unavailable' })
    expect(tried).toBe(8)
    expect(await note('second')).toEqual({ answer: 'second', replayed: false })
    expect(await notes()).toEqual(['second'])
  })

  test('in a caller’s transaction is its owner’s to repeat', async () => {
    let tried = 0
    const owner = db.transaction().execute((trx) =>
      withIdempotencyKey(trx, use, async (inner) => {
        tried += 1
        await sql.raw(`do $$ begin raise exception using errcode = '40P01'; end $$`).execute(inner)
      }),
    )
    await expect(owner).rejects.toMatchObject({ code: '40P01' })
    expect(tried).toBe(1)
  })
})

describe.each(['repeatable read', 'serializable'] as const)(
  'in a caller’s transaction on an older snapshot: %s',
  (level) => {
    test('a key that was used since is a tie', async () => {
      const trx = await begin(level)
      await note('first', other)
      await expect(note('second', trx)).rejects.toMatchObject({ code: '40001' })
      await trx.rollback().execute()
      expect(await note('second')).toEqual({ answer: 'first', replayed: true })
    })

    test('a key that was used before is answered from', async () => {
      await note('first', other)
      const trx = await begin(level)
      expect(await note('second', trx)).toEqual({ answer: 'first', replayed: true })
      await trx.commit().execute()
    })

    test('a key that is in use is waited for, and is free when it is rolled back', async () => {
      const first = await other.startTransaction().execute()
      await note('first', first)
      const trx = await begin(level)
      const second = note('second', trx)
      await untilWaiting(db)
      await first.rollback().execute()
      expect(await second).toEqual({ answer: 'second', replayed: false })
      await trx.commit().execute()
      expect(await notes()).toEqual(['second'])
    })
  },
)

/** A transaction that has taken its snapshot. */
async function begin(level: 'repeatable read' | 'serializable') {
  const trx = await db.startTransaction().setIsolationLevel(level).execute()
  await sql`select 1 from courses limit 1`.execute(trx)
  return trx
}

/** Writes a note once. */
function note(text: string, on: Kysely<DB> = db, as: KeyUse = use) {
  return withIdempotencyKey(on, as, (trx) => write(trx, text))
}

async function write(on: Kysely<DB>, text: string): Promise<string> {
  await sql`insert into note values (${text})`.execute(on)
  return text
}

async function count(on: Kysely<DB>, name: string): Promise<void> {
  await sql`update tally set count = count + 1 where name = ${name}`.execute(on)
}

async function notes(): Promise<string[]> {
  const { rows } = await sql<{ text: string }>`select text from note order by text`.execute(db)
  return rows.map(({ text }) => text)
}
