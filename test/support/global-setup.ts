import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { escapeIdentifier } from 'pg'
import type { TestProject } from 'vitest/node'
import { startEmbeddedDatabase } from '../../embedded/start.ts'
import { openDatabase } from '../../core/database/open.ts'
import { lmsTables } from '../../lms/database/migrate.ts'
import { builtInExtensions } from '../../server/extensions.ts'
import { migrateAll } from '../../server/migrations.ts'
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
  await removeKilledRuns()
  await using undo = new AsyncDisposableStack()
  const scratch = await mkdtemp(join(tmpdir(), PREFIX))
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

const PREFIX = 'enrollment-test-'
const LONGER_THAN_ANY_RUN_MS = 60 * 60 * 1000

/** A run that was killed could not clean up after itself. */
async function removeKilledRuns(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(PREFIX)) continue
    const path = join(tmpdir(), name)
    const found = await stat(path).catch(() => undefined)
    if (!found || found.uid !== process.getuid?.() || Date.now() - found.mtimeMs < LONGER_THAN_ANY_RUN_MS) continue
    killProcesses(path)
    await rm(path, { recursive: true, force: true })
  }
}

function killProcesses(scratch: string): string[] {
  const found = processesNaming(scratch)
  for (const { pid } of found) process.kill(pid, 'SIGKILL')
  return found.map(({ command }) => command)
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
  await migrateAll(db, [...builtInExtensions, lmsTables])
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

/** What is being ended may take long for it on a machine that does much else; what was forgotten never ends. */
async function expectNoProcesses(scratch: string): Promise<void> {
  const deadline = Date.now() + 30_000
  while (processesNaming(scratch).length > 0 && Date.now() < deadline) await sleep(50)
  const left = killProcesses(scratch)
  if (left.length > 0) throw new Error(`The tests left processes behind: ${left.join('; ')}`)
}
