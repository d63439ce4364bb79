import { afterAll, expect, test } from 'vitest'
import type { Kysely } from 'kysely'
import { coalescedRead } from '../../../core/database/coalesced-read.ts'
import type { DB } from '../../../core/database/schema.ts'
import { findAccount } from '../../../core/learner/account.ts'
import { createTestDatabase } from '../../support/database.ts'
import { addLearners } from '../../support/seed.ts'

const database = await createTestDatabase()
const { db } = database
afterAll(() => database[Symbol.asyncDispose]())

test('reads that are made at the same time share their statements, and each has its own answer', async () => {
  const reads: (readonly string[])[] = []
  const readMany = async (_: Kysely<DB>, keys: readonly string[]) => {
    reads.push(keys)
    return new Map(keys.filter((key) => key !== 'missing').map((key) => [key, `value of ${key}`]))
  }
  const keys = [...Array.from({ length: 18 }, (_, index) => `key ${index % 9}`), 'missing']
  const read = coalescedRead(readMany)
  const values = await Promise.all(keys.map((key) => read(db, key)))
  expect(values).toEqual(keys.map((key) => (key === 'missing' ? undefined : `value of ${key}`)))
  expect(reads).toHaveLength(1)
  expect(reads[0]).toHaveLength(10)
})

test('nothing is kept: a later read sees what was written since', async () => {
  expect(await findAccount(db, { username: 'late' })).toBeNull()
  await db.insertInto('learners').values({ username: 'late', email: null }).execute()
  expect(await findAccount(db, { username: 'late' })).toMatchObject({ username: 'late' })
})

test('a read that fails fails for those who share it, and the next one works', async () => {
  let isBroken = true
  const readMany = async (_: Kysely<DB>, keys: readonly string[]) => {
    if (isBroken) throw new Error('broken')
    return new Map(keys.map((key) => [key, key]))
  }
  const read = coalescedRead(readMany)
  const both = await Promise.allSettled(['a', 'b'].map((key) => read(db, key)))
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  isBroken = false
  expect(await read(db, 'a')).toBe('a')
})

test('in a transaction it is read there, uncommitted rows included, and the pool does not see them', async () => {
  const [learner] = await addLearners(db, 1)
  await db.transaction().execute(async (trx) => {
    await trx.insertInto('learners').values({ username: 'inside', email: null }).execute()
    expect(await findAccount(trx, { username: 'inside' })).toMatchObject({ username: 'inside' })
    expect(await findAccount(db, { username: 'inside' })).toBeNull()
    expect(await findAccount(trx, { username: learner?.username ?? '' })).not.toBeNull()
  })
})
