import fc from 'fast-check'
import { sql, type Kysely } from 'kysely'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import type { DB } from '../../../core/database/schema.ts'
import { withIdempotencyKey, type KeyUse } from '../../../core/idempotency/key.ts'
import { createTestDatabase } from '../../support/database.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
await sql`create table note (text text not null)`.execute(db)

let use: KeyUse
let keys = 0
beforeEach(async () => {
  await sql`truncate note`.execute(db)
  keys += 1
  use = { actor: 'tests', scope: 'notes', key: `key ${keys}`, input: { text: 'a' }, now: new Date() }
})

describe('a key', () => {
  test('lets the work be done once; after that its first answer is given again', async () => {
    expect(await note('a')).toEqual({ answer: { wrote: 'a' }, replayed: false })
    expect(await note('b')).toEqual({ answer: { wrote: 'a' }, replayed: true })
    expect(await notes(db)).toEqual(['a'])
  })

  test('does not look at the order of keys in the input', async () => {
    await note('a', db, { ...use, input: { one: 1, two: { three: 3, four: 4 } } })
    const again = await note('b', db, { ...use, input: { two: { four: 4, three: 3 }, one: 1 } })
    expect(again.replayed).toBe(true)
  })

  test('with another input is refused, and nothing is done', async () => {
    await note('a')
    const refused = note('b', db, { ...use, input: { text: 'b' } })
    await expect(refused).rejects.toMatchObject({ code: 'idempotencyMismatch', details: { key: use.key } })
    expect(await notes(db)).toEqual(['a'])
    expect((await note('b')).replayed).toBe(true)
  })

  test.each<[string, Partial<KeyUse>]>([
    ['actor', { actor: 'somebody else' }],
    ['scope', { scope: 'other notes' }],
    ['key', { key: 'another' }],
  ])('of another %s is another key', async (_, other) => {
    await note('a')
    expect(await note('b', db, { ...use, ...other, input: 'another' })).toMatchObject({ replayed: false })
    expect(await notes(db)).toEqual(['a', 'b'])
  })

  test('is free again when the work throws, and what it wrote is gone', async () => {
    const failing = withIdempotencyKey(db, use, async (trx) => {
      await write(trx, 'a')
      throw new RangeError('no')
    })
    await expect(failing).rejects.toThrow(RangeError)
    expect(await notes(db)).toEqual([])
    expect(await note('b', db, { ...use, input: 'another' })).toMatchObject({ replayed: false })
    expect(await notes(db)).toEqual(['b'])
  })

  test('is free again when the answer is not kept, and what the work wrote is gone', async () => {
    const work = async (trx: Kysely<DB>) => write(trx, 'a')
    const { answer, replayed } = await withIdempotencyKey(db, use, work, { keepIf: ({ wrote }) => wrote === 'b' })
    expect([answer, replayed, await notes(db)]).toEqual([{ wrote: 'a' }, false, []])
    expect(await note('b', db, { ...use, input: 'another' })).toMatchObject({ replayed: false })
  })

  test('remembers no work whose answer is not JSON', async () => {
    const silent = withIdempotencyKey(db, use, async (trx) => void (await write(trx, 'a')))
    await expect(silent).rejects.toThrow(TypeError)
    expect(await notes(db)).toEqual([])
  })

  test.each<[string, Partial<KeyUse>]>([
    ['an empty key', { key: '' }],
    ['a key too long', { key: 'x'.repeat(256) }],
    ['no actor', { actor: '' }],
    ['a scope too long', { scope: 'x'.repeat(101) }],
  ])('is refused by the database before the work begins: %s', async (_, wrong) => {
    await expect(note('a', db, { ...use, ...wrong })).rejects.toThrow(/check constraint/)
    expect(await notes(db)).toEqual([])
  })

  test('as long and as strange as it may be is kept', async () => {
    const long = { ...use, key: '𝄞'.repeat(255), actor: '𝄞'.repeat(255), scope: '𝄞'.repeat(100) }
    await note('a', db, long)
    expect(await note('b', db, long)).toMatchObject({ replayed: true })
  })
})

test('any answer comes back as the same JSON, byte for byte', async () => {
  const any = fc.jsonValue({ stringUnit: 'binary', maxDepth: 3 })
  await fc.assert(
    fc.asyncProperty(any, async (answer) => {
      keys += 1
      const once = () => withIdempotencyKey(db, { ...use, key: `any ${keys}` }, async () => answer)
      await once()
      expect(JSON.stringify((await once()).answer)).toBe(JSON.stringify(answer))
    }),
    { numRuns: 60 },
  )
})

describe('in a transaction of the caller', () => {
  test('key and work commit with it', async () => {
    await db.transaction().execute(async (trx) => {
      expect(await note('a', trx)).toMatchObject({ replayed: false })
      expect(await notes(db)).toEqual([])
    })
    expect(await notes(db)).toEqual(['a'])
    expect(await note('b')).toMatchObject({ replayed: true })
  })

  test('both are gone when it is rolled back', async () => {
    const trx = await db.startTransaction().execute()
    await note('a', trx)
    await trx.rollback().execute()
    expect(await note('b', db, { ...use, input: 'another' })).toMatchObject({ replayed: false })
    expect(await notes(db)).toEqual(['b'])
  })

  test('a second call in it is answered from the first', async () => {
    await db.transaction().execute(async (trx) => {
      await note('a', trx)
      expect(await note('b', trx)).toEqual({ answer: { wrote: 'a' }, replayed: true })
    })
    expect(await notes(db)).toEqual(['a'])
  })

  test('work that throws takes back itself and its key, and nothing of its owner', async () => {
    await db.transaction().execute(async (trx) => {
      await write(trx, 'owner')
      const failing = withIdempotencyKey(trx, use, async (inner) => {
        await write(inner, 'a')
        await sql`select 1 / 0`.execute(inner)
      })
      await expect(failing).rejects.toThrow('division by zero')
      await expect(note('b', trx)).resolves.toMatchObject({ replayed: false })
      await expect(note('c', trx, { ...use, input: 'another' })).rejects.toThrow(use.key)
      await write(trx, 'owner again')
    })
    expect(await notes(db)).toEqual(['b', 'owner', 'owner again'])
  })

  test('work within work has keys of its own; with the same key it is a mistake that is told', async () => {
    const nested = (key: string) =>
      withIdempotencyKey(db, use, async (trx) => (await note('inner', trx, { ...use, key })).answer)
    await expect(nested(use.key)).rejects.toThrow('still running in this transaction')
    expect(await notes(db)).toEqual([])
    expect(await nested('inner key')).toEqual({ answer: { wrote: 'inner' }, replayed: false })
  })
})

/** Writes a note once. */
function note(text: string, on: Kysely<DB> = db, as: KeyUse = use) {
  return withIdempotencyKey(on, as, (trx) => write(trx, text))
}

async function write(on: Kysely<DB>, text: string): Promise<{ wrote: string }> {
  await sql`insert into note values (${text})`.execute(on)
  return { wrote: text }
}

async function notes(on: Kysely<DB>): Promise<string[]> {
  const { rows } = await sql<{ text: string }>`select text from note order by text`.execute(on)
  return rows.map(({ text }) => text)
}
