import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import { escapeIdentifier } from 'pg'
import { expect, inject, test } from 'vitest'
import { migrateToLatest, pendingExtensionMigrations } from '../../../core/database/migrate.ts'
import { openDatabase } from '../../../core/database/open.ts'
import { enterpriseMigrations, migrateEnterprise } from '../../../enterprise/database/migrate.ts'
import { runStatement } from '../../support/statement.ts'

const enterprise = { name: 'enterprise', migrations: enterpriseMigrations }

test('the tables of the extension are made once, and what has run is kept apart from the core', async () => {
  await using db = openDatabase({ connectionString: await databaseOfTheCore() })
  const pending = await pendingExtensionMigrations(db, enterprise)
  expect(pending[0]).toBe('0001_initial')
  expect(await migrateEnterprise(db)).toEqual(pending)
  expect(await pendingExtensionMigrations(db, enterprise)).toEqual([])
  expect(await migrateEnterprise(db)).toEqual([])
  // The core does not miss the migrations of the extension, nor take them for its own.
  expect(await migrateToLatest(db)).toEqual([])
})

test('of many pools that migrate at once one works', async () => {
  const connectionString = await databaseOfTheCore()
  const applied = await Promise.all(
    Array.from({ length: 8 }, async () => {
      await using db = openDatabase({ connectionString, poolSize: 2 })
      return await migrateEnterprise(db)
    }),
  )
  expect(applied.filter((names) => names.length > 0)).toHaveLength(1)
})

test('a migration that fails leaves nothing, and is done once its cause is gone', async () => {
  await using db = openDatabase({ connectionString: await databaseOfTheCore() })
  await sql`create table enterprise_overrides (in_the_way text)`.execute(db)
  await expect(migrateEnterprise(db)).rejects.toThrow('relation "enterprise_overrides" already exists')
  const tables = (await db.introspection.getTables()).map(({ name }) => name)
  expect(tables.filter((name) => name.startsWith('enterprise_c'))).toEqual([])
  await sql`drop table enterprise_overrides`.execute(db)
  expect(await migrateEnterprise(db)).toContain('0001_initial')
})

/** The address of a database without tables of an extension. */
async function databaseOfTheCore(): Promise<string> {
  const { connectionString: server, template } = inject('server')
  const name = `${template}_${randomBytes(6).toString('hex')}`
  await runStatement(server, `create database ${escapeIdentifier(name)} template template0`)
  const url = new URL(server)
  url.pathname = name
  await using db = openDatabase({ connectionString: url.href })
  await migrateToLatest(db)
  return url.href
}
