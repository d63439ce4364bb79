import { enrollLearners, EnterpriseError, listPending } from 'enrollment-service/enterprise'
import { CamelCasePlugin, Kysely, PostgresDialect, type Transaction } from 'kysely'
import { beforeAll, expect, test } from 'vitest'
import type { DB } from '../../core/database/schema.ts'
import type { EnterpriseTables } from '../../enterprise/database/schema.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { openPool } from '../support/open-pool.ts'
import { addCourse, addLearner } from '../support/seed.ts'

const actor = { kind: 'service', name: 'shop' } as const
const customer = '4f2e5a8e-3f0a-4c0e-9a53-0d9c1b1f3a10'

interface Orders {
  orders: { cents: number }
}

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
  const tables = database.db.$extendTables<EnterpriseTables>()
  await tables.insertInto('enterprise_customers').values({ uuid: customer, name: 'ACME' }).execute()
  return () => database[Symbol.asyncDispose]()
})

test('a pool with plugins and type parsers of its own takes part, in its own transaction', async () => {
  const types = { getTypeParser: () => () => 'theirs' }
  const pool = openPool({ connectionString: database.connectionString, types })
  await using db = new Kysely<DB & Orders>({ dialect: new PostgresDialect({ pool }), plugins: [new CamelCasePlugin()] })
  const { username } = await addLearner(database.db)
  const courseId = await addCourse(database.db)
  const rows = [
    { username, courseId },
    { email: 'new@example.com', courseId },
  ]

  const counts = await db.transaction().execute(async (trx: Transaction<DB & Orders>) => {
    const answer = await enrollLearners({ db: trx, actor }, { customer, rows })
    expect((await listPending({ db: trx }, { customer })).items).toHaveLength(1)
    return answer.counts
  })

  expect(counts).toEqual({ created: 1, pendingCreated: 1 })
})

test('what is refused as a whole is an EnterpriseError, and what cannot work a sentence', async () => {
  const asked = enrollLearners(
    { db: database.db, actor },
    { customer: 'nobody', rows: [{ username: 'a', courseId: 'b' }] },
  )
  await expect(asked).rejects.toBeInstanceOf(EnterpriseError)
  const notKysely = enrollLearners(
    { db: {} as Kysely<DB>, actor },
    { customer, rows: [{ username: 'a', courseId: 'b' }] },
  )
  await expect(notKysely).rejects.toThrow('db has to be a Kysely')
})
