import { Kysely, MysqlDialect, PostgresDialect, sql, SqliteDialect } from 'kysely'
import pg from 'pg'
import { afterAll, describe, expect, test } from 'vitest'
import { adoptDatabase } from '../../../core/database/adopt.ts'
import { openDatabase } from '../../../core/database/open.ts'
import type { DB } from '../../../core/database/schema.ts'
import { foreignPool } from '../../support/any-kysely.ts'
import { createTestDatabase } from '../../support/database.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db, connectionString } = database

const neverConnected = () => Promise.reject(new Error('never connected'))

describe('what cannot work is refused at once, with a sentence', () => {
  test.each<[string, unknown, RegExp]>([
    ['null', null, /^db has to be a Kysely: /],
    ['undefined', undefined, /^db has to be a Kysely: /],
    ['a text', connectionString, /^db has to be a Kysely: /],
    ['an empty object', {}, /^db has to be a Kysely: /],
    ['a pool of pg', new pg.Pool({ connectionString }), /^db has to be a Kysely: /],
    ['something with an executor of its own', { getExecutor: () => ({}) }, /^db has to be a Kysely of PostgreSQL/],
    ['something without an executor', { getExecutor: () => undefined }, /^db has to be a Kysely of PostgreSQL/],
    [
      'a Kysely of SQLite',
      new Kysely({ dialect: new SqliteDialect({ database: neverConnected }) }),
      /^db has to be a Kysely of PostgreSQL/,
    ],
    [
      'a Kysely of MySQL',
      new Kysely({ dialect: new MysqlDialect({ pool: neverConnected }) }),
      /^db has to be a Kysely of PostgreSQL/,
    ],
  ])('%s', (_, given, sentence) => {
    expect(() => adoptDatabase(given as Kysely<DB>)).toThrow(TypeError)
    expect(() => adoptDatabase(given as Kysely<DB>)).toThrow(sentence)
  })

  test('what can work is taken without a connection', async () => {
    const unreachable = 'postgresql://nobody@127.0.0.1:1/nothing'
    await using own = openDatabase({ connectionString: unreachable })
    await using foreign = foreignPool(unreachable)
    expect(adoptDatabase(own).isPool).toBe(true)
    expect(adoptDatabase(foreign).isPool).toBe(false)
    await expect(adoptDatabase(foreign).run((on) => sql`select 1`.execute(on))).rejects.toThrow('ECONNREFUSED')
  })
})

describe('a foreign pool', () => {
  test('gives all its handles the same one of ours, so that their calls share what is kept for a pool', async () => {
    await using foreign = foreignPool(connectionString)
    const [first, second] = await Promise.all(
      [foreign, foreign.withSchema('nowhere')].map((handle) => adoptDatabase(handle).run(async (on) => on)),
    )
    expect(first).toBe(second)
  })

  test('that has no connection left is still known as a pool, and does not wait for one to tell', async () => {
    await using foreign = foreignPool(connectionString, { max: 1 })
    const held = await foreign.startTransaction().execute()
    const work = adoptDatabase(foreign).run(async (on) => on.isTransaction)
    expect(await work).toBe(false)
    await held.rollback().execute()
  })

  test('whose connection is in use when it is asked for is still known as a connection', async () => {
    await using foreign = foreignPool(connectionString)
    await foreign.connection().execute(async (connection) => {
      await sql`begin`.execute(connection)
      const busy = [1, 2, 3, 4, 5].map(() => sql`select pg_sleep(0.01)`.execute(connection))
      const isTransaction = adoptDatabase(connection).run(async (on) => on.isTransaction)
      busy.push(sql`select pg_sleep(0.01)`.execute(connection))
      expect(await isTransaction).toBe(true)
      await Promise.all(busy)
      await sql`rollback`.execute(connection)
    })
  })
})

describe('a log of the owner is told what we send', () => {
  test.each(['a pool', 'a transaction'] as const)('in %s: as text', async (kind) => {
    const told: unknown[] = []
    const forms = ({ query }: { query: { sql: string } }) => {
      const text = query.sql
      told.push([
        ['', text].join(''),
        text.slice(0, 6),
        text.length,
        text.trim().toUpperCase(),
        JSON.stringify(text),
        /1/.test(text),
      ])
    }
    await using foreign = foreignPool(connectionString, {}, { log: forms })
    const select = adoptDatabase(foreign)
    const work = (on: Kysely<DB>) => sql`select 1 as one`.execute(on)
    await (kind === 'a pool' ? select.run(work) : foreign.transaction().execute((trx) => adoptDatabase(trx).run(work)))
    expect(told).toContainEqual(['select 1 as one', 'select', 15, 'SELECT 1 AS ONE', '"select 1 as one"', true])
  })
})

test('an error of a statement in a joined transaction is the error of pg, with the text in its stack', async () => {
  const failed = db.transaction().execute((trx) => adoptDatabase(trx).run((on) => sql`select 1 / 0`.execute(on)))
  await expect(failed).rejects.toThrow(pg.DatabaseError)
  await expect(failed).rejects.toMatchObject({ code: '22012' })
})

test('our own pool stays what it is, and so do its handles', async () => {
  expect(await adoptDatabase(db).run(async (on) => on)).toBe(db)
  expect(await adoptDatabase(db.withSchema('nowhere')).run(async (on) => on)).toBe(db)
  const trx = await db.startTransaction().execute()
  const [first, second] = [
    await adoptDatabase(trx).run(async (on) => on),
    await adoptDatabase(trx).run(async (on) => on),
  ]
  expect(first).toBe(second)
  expect(first.isTransaction).toBe(true)
  await trx.rollback().execute()
})

test('the same Kysely of another copy of the library is taken', () => {
  const dialect = new PostgresDialect({ pool: neverConnected })
  const executor = new Kysely({ dialect }).getExecutor()
  const copy = {
    isTransaction: false,
    getExecutor: () => Object.create(executor, { adapter: { value: { constructor: { name: 'PostgresAdapter' } } } }),
  }
  expect(adoptDatabase(copy as unknown as Kysely<DB>).isPool).toBe(false)
})
