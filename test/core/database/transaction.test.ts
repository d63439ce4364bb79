import { sql, type Kysely } from 'kysely'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import type { DB } from '../../../core/database/schema.ts'
import { inTransaction, withSavepoint } from '../../../core/database/transaction.ts'
import { createTestDatabase } from '../../support/database.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
await sql`create table note (text text primary key)`.execute(db)

beforeEach(async () => {
  await sql`truncate note`.execute(db)
})

describe('inTransaction', () => {
  test('opens one on the pool, and commits it', async () => {
    const answer = await inTransaction(db, async (trx) => {
      expect(trx.isTransaction).toBe(true)
      await write(trx, 'a')
      expect(await notes(db)).toEqual([])
      return 'answer'
    })
    expect(answer).toBe('answer')
    expect(await notes(db)).toEqual(['a'])
  })

  test('uses the one that is there, and leaves its end to its owner', async () => {
    const trx = await db.startTransaction().execute()
    await inTransaction(trx, async (same) => {
      expect(same).toBe(trx)
      await write(same, 'a')
    })
    expect(await notes(db)).toEqual([])
    await trx.rollback().execute()
    expect(await notes(db)).toEqual([])
  })

  test('takes all back when the work throws', async () => {
    const work = inTransaction(db, async (trx) => {
      await write(trx, 'a')
      throw new RangeError('no')
    })
    await expect(work).rejects.toThrow(RangeError)
    expect(await notes(db)).toEqual([])
  })
})

describe.each(['on the pool', 'in a transaction'] as const)('withSavepoint %s', (where) => {
  test('keeps what is to be kept', async () => {
    expect(
      await run((trx) => withSavepoint(trx, async (inner) => ({ keep: true, value: await write(inner, 'a') }))),
    ).toBe('a')
    expect(await notes(db)).toEqual(where === 'on the pool' ? ['a'] : ['a', 'owner'])
  })

  test('takes back what is not, and still answers', async () => {
    expect(
      await run((trx) => withSavepoint(trx, async (inner) => ({ keep: false, value: await write(inner, 'a') }))),
    ).toBe('a')
    expect(await notes(db)).toEqual(where === 'on the pool' ? [] : ['owner'])
  })

  test('takes back what a throw leaves behind, also an error of SQL, and throws it on', async () => {
    const failing = (trx: Kysely<DB>) =>
      withSavepoint(trx, async (inner) => {
        await write(inner, 'a')
        return { keep: true, value: await write(inner, 'a') }
      })
    const caught = await run((trx) => failing(trx).catch(String))
    expect(caught).toContain('duplicate key')
    expect(await notes(db)).toEqual(where === 'on the pool' ? [] : ['owner'])
  })

  test('within another takes back only itself', async () => {
    await run((trx) =>
      withSavepoint(trx, async (outer) => {
        await write(outer, 'outer')
        await withSavepoint(outer, async (inner) => ({ keep: false, value: await write(inner, 'inner') }))
        await withSavepoint(outer, async (inner) => ({ keep: true, value: await write(inner, 'second') }))
        return { keep: true, value: 'done' }
      }),
    )
    expect((await notes(db)).filter((text) => text !== 'owner')).toEqual(['outer', 'second'])
  })

  /** On the pool directly; in a transaction after a write of its owner, who commits at the end. */
  function run(work: (on: Kysely<DB>) => Promise<string>): Promise<string> {
    if (where === 'on the pool') return work(db)
    return db.transaction().execute(async (trx) => {
      await write(trx, 'owner')
      return work(trx)
    })
  }
})

async function write(on: Kysely<DB>, text: string): Promise<string> {
  await sql`insert into note values (${text})`.execute(on)
  return text
}

async function notes(on: Kysely<DB>): Promise<string[]> {
  const { rows } = await sql<{ text: string }>`select text from note order by text`.execute(on)
  return rows.map(({ text }) => text)
}
