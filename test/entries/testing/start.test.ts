// slow: starts servers
import { sql } from 'kysely'
import {
  cloneTestDatabase,
  courseRunLine,
  customerLine,
  learnerLine,
  modeLine,
  startTestDatabase,
} from 'enrollment-service/testing'
import { beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { createCaller } from 'enrollment-service'

const actor = { kind: 'service', name: 'test' } as const

beforeEach(() => vi.stubEnv('TEST_DATABASE_URL', inject('server').connectionString))

describe('startTestDatabase', () => {
  test('gives a migrated database that nobody else has, with what the seed says', async () => {
    const courseId = 'course-v1:edX+DemoX+2026'
    const seed = [
      learnerLine({ username: 'alice' }),
      courseRunLine({ courseId }),
      modeLine({ courseId }),
      customerLine(),
    ]
    await using database = await startTestDatabase({ seed })
    await using other = await startTestDatabase()

    const outcome = await createCaller({ db: database.db, actor }).enrollment.enroll({ username: 'alice', courseId })

    expect(outcome).toMatchObject({ kind: 'created', enrollment: { mode: 'audit' } })
    expect(await other.db.selectFrom('learners').select('id').execute()).toEqual([])
  })

  test('imports all of a seed or nothing, and says which line is wrong', async () => {
    const seed = [learnerLine(), modeLine({ courseId: 'course-v1:not+there+yet' })]
    await expect(startTestDatabase({ seed })).rejects.toThrow(/^The seed cannot be imported:\nseed\[1\]: mode: /)
  })

  test('leaves nothing behind but the template', async () => {
    const database = await startTestDatabase()
    await database[Symbol.asyncDispose]()
    await database[Symbol.asyncDispose]()

    expect(await isThere(database.connectionString)).toBe(false)
  })

  test('several at once make one template', async () => {
    const databases = await Promise.all(Array.from({ length: 4 }, () => startTestDatabase()))
    expect(new Set(databases.map(({ connectionString }) => connectionString)).size).toBe(4)
    await Promise.all(databases.map((database) => database[Symbol.asyncDispose]()))
  })
})

describe('cloneTestDatabase', () => {
  test('copies a database as it stands, with tables that are not ours', async () => {
    await using original = await startTestDatabase({ seed: [learnerLine({ username: 'alice' })] })
    await sql`create table ledger (cents integer)`.execute(original.db)
    await sql`insert into ledger values (4900)`.execute(original.db)

    await using copy = await cloneTestDatabase(original)
    await sql`delete from ledger`.execute(copy.db)

    expect(await copy.db.selectFrom('learners').select('username').execute()).toEqual([{ username: 'alice' }])
    expect((await sql`select cents from ledger`.execute(original.db)).rows).toEqual([{ cents: 4900 }])
  })

  test('needs no more than the connection string, which another process can be told', async () => {
    await using original = await startTestDatabase()
    const copies = await Promise.all(
      [1, 2, 3].map(() =>
        cloneTestDatabase(JSON.parse(JSON.stringify({ connectionString: original.connectionString }))),
      ),
    )
    expect(await Promise.all(copies.map(({ db }) => db.selectFrom('learners').select('id').execute()))).toEqual([
      [],
      [],
      [],
    ])
    for (const copy of copies) await copy[Symbol.asyncDispose]()
  })

  test('says so where the original is in use', async () => {
    await using original = await startTestDatabase()
    const copying = original.db.transaction().execute(async (trx) => {
      await trx.selectFrom('learners').select('id').execute()
      return cloneTestDatabase(original)
    })
    await expect(copying).rejects.toThrow(/is in use: end what runs in it first/)
  })
})

async function isThere(connectionString: string): Promise<boolean> {
  await using server = await startTestDatabase()
  const name = new URL(connectionString).pathname.slice(1)
  const { rows } = await sql`select from pg_database where datname = ${name}`.execute(server.db)
  return rows.length > 0
}
