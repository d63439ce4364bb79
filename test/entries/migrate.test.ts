import { migrate } from 'enrollment-service/database'
import { expect, test } from 'vitest'
import { migrations } from '../../core/database/migrate.ts'
import { openDatabase } from '../../core/database/open.ts'
import { enterpriseMigrations } from '../../enterprise/database/migrate.ts'
import { createTestDatabase } from '../support/database.ts'
import { sql } from 'kysely'

test('migrates the tables of enterprise too, names what it ran, and finds nothing to do after it', async () => {
  await using database = await createTestDatabase()
  await sql`drop schema public cascade`.execute(database.db)
  await sql`create schema public`.execute(database.db)
  await using db = openDatabase({ connectionString: database.connectionString })
  const ofEnterprise = Object.keys(enterpriseMigrations).map((name) => `enterprise/${name}`)

  expect(await migrate(db)).toEqual([...Object.keys(migrations), ...ofEnterprise])
  expect(await migrate(db)).toEqual([])
})
