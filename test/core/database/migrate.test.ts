// slow: makes many databases
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { sql } from 'kysely'
import type { Migration } from 'kysely/migration'
import { escapeIdentifier } from 'pg'
import { expect, inject, test } from 'vitest'
import { migrateToLatest } from '../../../core/database/migrate.ts'
import * as feedCheckpoints from '../../../core/database/migrations/0007_feed_checkpoints.ts'
import { openDatabase, type Database } from '../../../core/database/open.ts'
import { runStatement } from '../../support/statement.ts'

const MIGRATE = join(import.meta.dirname, '../../../core/database/index.ts')
const PROGRAM = `
  import { migrateToLatest, openDatabase } from ${JSON.stringify(MIGRATE)}
  await using db = openDatabase({ connectionString: process.argv[1] })
  console.log(JSON.stringify(await migrateToLatest(db)))`

test('an empty database gets the newest schema, and a second time nothing', async () => {
  const connectionString = await emptyDatabase()
  await using db = openDatabase({ connectionString })
  const applied = await migrateToLatest(db)
  expect(applied[0]).toBe('0001_initial')
  expect(await tables(db)).toContain('enrollment_events')
  expect(await migrateToLatest(db)).toEqual([])
})

test('of several processes that migrate at once one works and the others find nothing to do', async () => {
  const connectionString = await emptyDatabase()
  const applied = await Promise.all(Array.from({ length: 4 }, () => migrateInProcess(connectionString)))
  const workers = applied.filter((names) => names.length > 0)
  expect(workers).toHaveLength(1)
  await using db = openDatabase({ connectionString })
  const recorded = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(db)
  expect(recorded.rows.map(({ name }) => name)).toEqual(workers[0])
})

test('of many pools that migrate at once one works', async () => {
  const connectionString = await emptyDatabase()
  const applied = await Promise.all(
    Array.from({ length: 12 }, async () => {
      await using db = openDatabase({ connectionString, poolSize: 2 })
      return await migrateToLatest(db)
    }),
  )
  expect(applied.filter((names) => names.length > 0)).toHaveLength(1)
})

test('a migration that fails leaves nothing, and is done once its cause is gone', async () => {
  const connectionString = await emptyDatabase()
  await using db = openDatabase({ connectionString })
  await sql`create table api_keys (in_the_way text)`.execute(db)
  await expect(migrateToLatest(db)).rejects.toThrow('relation "api_keys" already exists')
  expect((await tables(db)).filter((name) => !name.startsWith('kysely_'))).toEqual(['api_keys'])
  await sql`drop table api_keys`.execute(db)
  expect(await migrateToLatest(db)).toContain('0001_initial')
})

test.each([
  ['12-345', '12-345'],
  ['', null],
])('the checkpoint of the enterprise feed begins where its table of positions says: %j', async (position, cursor) => {
  await using db = openDatabase({ connectionString: await emptyDatabase() })
  await migrateToLatest(db)
  // As it was before that migration.
  await sql`drop table feed_checkpoints`.execute(db)
  await sql`create table enterprise_feed_positions (reader text, cursor text, updated timestamptz)`.execute(db)
  await sql`insert into enterprise_feed_positions values ('records', ${position}, '2026-03-01T12:00:00Z')`.execute(db)
  const migration: Migration = feedCheckpoints
  await migration.up(db)
  const rows = await db.selectFrom('feed_checkpoints').selectAll().execute()
  expect(rows).toEqual([{ consumer: 'enterprise', cursor, updated: '2026-03-01T12:00:00Z' }])
  expect(await tables(db)).toContain('enterprise_feed_positions')
})

async function migrateInProcess(connectionString: string): Promise<string[]> {
  const command = ['--input-type=module', '--eval', PROGRAM, connectionString]
  const { stdout } = await promisify(execFile)(process.execPath, command)
  return JSON.parse(stdout)
}

async function emptyDatabase(): Promise<string> {
  const { connectionString, template } = inject('server')
  const url = new URL(connectionString)
  url.pathname = `${template}_${randomBytes(6).toString('hex')}`
  await runStatement(connectionString, `create database ${escapeIdentifier(url.pathname.slice(1))} template template0`)
  return url.href
}

async function tables(db: Database): Promise<string[]> {
  return (await db.introspection.getTables({ withInternalKyselyTables: true })).map(({ name }) => name)
}
