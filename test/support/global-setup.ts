import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { escapeIdentifier } from 'pg'
import type { TestProject } from 'vitest/node'
import { startEmbeddedDatabase } from '../../core/database/embedded.ts'
import { migrateToLatest } from '../../core/database/migrate.ts'
import { openDatabase } from '../../core/database/open.ts'
import { processesNaming } from './processes.ts'
import { runStatement } from './statement.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** A server, and the migrated database in it that each test file clones. */
    server: { connectionString: string; template: string }
    /** A directory for files of this run: it is removed at the end, and no process that names it may be left. */
    scratch: string
  }
}

/** Before all test files: a PostgreSQL and a migrated template database. After them: nothing is left of either. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await using undo = new AsyncDisposableStack()
  const scratch = await mkdtemp(join(tmpdir(), 'enrollment-test-'))
  undo.defer(() => rm(scratch, { recursive: true, force: true }))
  undo.defer(() => expectNoProcesses(scratch))

  const given = process.env['TEST_DATABASE_URL']
  const connectionString = given ?? undo.use(await startServer(scratch)).connectionString
  const template = `enrollment_test_${randomBytes(6).toString('hex')}`
  // An embedded server goes with its files.
  if (given) undo.defer(() => dropDatabases(connectionString, template))
  await createTemplate(connectionString, template)

  project.provide('server', { connectionString, template })
  project.provide('scratch', scratch)
  const teardown = undo.move()
  return () => teardown.disposeAsync()
}

function startServer(scratch: string) {
  return startEmbeddedDatabase({
    dataDir: join(scratch, 'server'),
    mode: 'owner',
    durable: false,
    database: 'postgres',
    settings: { max_connections: '300', wal_level: 'minimal', max_wal_senders: '0', max_wal_size: '4GB' },
  })
}

async function createTemplate(connectionString: string, name: string): Promise<void> {
  await runStatement(connectionString, `create database ${escapeIdentifier(name)} template template0`)
  const url = new URL(connectionString)
  url.pathname = name
  await using db = openDatabase({ connectionString: url.href })
  await migrateToLatest(db)
}

async function dropDatabases(connectionString: string, template: string): Promise<void> {
  const names = await runStatement<{ datname: string }>(
    connectionString,
    'select datname from pg_database where starts_with(datname, $1)',
    [template],
  )
  for (const { datname } of names) {
    await runStatement(connectionString, `drop database ${escapeIdentifier(datname)} with (force)`)
  }
}

async function expectNoProcesses(scratch: string): Promise<void> {
  const deadline = Date.now() + 3_000
  while (processesNaming(scratch).length > 0 && Date.now() < deadline) await sleep(50)
  const left = processesNaming(scratch)
  for (const { pid } of left) process.kill(pid, 'SIGKILL')
  if (left.length > 0)
    throw new Error(`The tests left processes behind: ${left.map(({ command }) => command).join('; ')}`)
}
