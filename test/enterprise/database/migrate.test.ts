import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { migrateToLatest } from '../../../core/database/migrate.ts'
import { openDatabase } from '../../../core/database/open.ts'
import { migrateEnterprise } from '../../../enterprise/database/migrate.ts'
import { createTestDatabase } from '../../support/database.ts'

test('the tenant’s tables are made once, in books of their own', async () => {
  await using database = await createTestDatabase()
  const { db } = database
  expect((await migrateEnterprise(db))[0]).toBe('0001_initial')
  expect(await migrateEnterprise(db)).toEqual([])
  // The house does not miss the tenant's migrations, nor take them for its own.
  expect(await migrateToLatest(db)).toEqual([])
})

test('of many pools that migrate at once one works', async () => {
  await using database = await createTestDatabase()
  const applied = await Promise.all(
    Array.from({ length: 8 }, async () => {
      await using db = openDatabase({ connectionString: database.connectionString, poolSize: 2 })
      return await migrateEnterprise(db)
    }),
  )
  expect(applied.filter((names) => names.length > 0)).toHaveLength(1)
})

test('a migration that fails leaves nothing, and is done once its cause is gone', async () => {
  await using database = await createTestDatabase()
  const { db } = database
  await sql`create table enterprise_overrides (in_the_way text)`.execute(db)
  await expect(migrateEnterprise(db)).rejects.toThrow('relation "enterprise_overrides" already exists')
  const tables = (await db.introspection.getTables()).map(({ name }) => name)
  expect(tables.filter((name) => name.startsWith('enterprise_c'))).toEqual([])
  await sql`drop table enterprise_overrides`.execute(db)
  expect(await migrateEnterprise(db)).toContain('0001_initial')
})
