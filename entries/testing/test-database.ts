import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import pg from 'pg'
import { openDatabase } from '../../core/database/open.ts'
import type { DB } from '../../core/database/schema.ts'
import { onServer } from './server.ts'

/** A database for tests, with the newest schema. */
export interface TestDatabase extends AsyncDisposable {
  readonly db: Kysely<DB>
  readonly connectionString: string
}

/** The name of the database of a URL. */
export function nameIn(connectionString: string): string {
  return decodeURIComponent(new URL(connectionString).pathname.slice(1))
}

/** The same URL with another database. */
export function withName(connectionString: string, name: string): string {
  const url = new URL(connectionString)
  url.pathname = encodeURIComponent(name)
  return url.href
}

/**
 * Copies a database of a server.
 *
 * @param server the URL of a database of the same server that is not copied.
 * @returns the URL of the copy.
 * @throws {Error} where the original is in use.
 */
export async function createFrom(server: string, original: string): Promise<string> {
  const name = `enrollment_test_${randomBytes(8).toString('hex')}`
  await onServer(server, async (client) => {
    const statement = `create database ${pg.escapeIdentifier(name)} template ${pg.escapeIdentifier(original)}`
    await whileUnused(client, original, () => client.query(statement))
  })
  return withName(server, name)
}

const PATIENCE_MS = 5_000

/**
 * Does what a database has to be left alone for, once nothing runs in it any more: connections that are idle are closed.
 *
 * @throws {Error} where it stays in use.
 */
export async function whileUnused(client: pg.Client, name: string, work: () => Promise<unknown>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS
  while ((await countUses(client, name)) > 0) {
    if (Date.now() > deadline) throw new Error(`The database ${name} is in use: end what runs in it first.`)
    await sleep(20)
  }
  await work()
}

/** Closes what is idle. @returns how many connections there were, those that are being closed among them. */
async function countUses(client: pg.Client, name: string): Promise<number> {
  const { rowCount } = await client.query(CLOSE_IDLE, [name])
  return rowCount ?? 0
}

const CLOSE_IDLE = `select case when state = 'idle' then pg_terminate_backend(pid) end from pg_stat_activity
where datname = $1 and pid <> pg_backend_pid()`

/** Opens a pool on a test database. Disposing of it closes the pool, drops the database and does what `afterwards` says. */
export function openTestDatabase(
  server: string,
  connectionString: string,
  afterwards: () => PromiseLike<void> | void = () => {},
): TestDatabase {
  const db = openDatabase({ connectionString })
  let disposed: Promise<void> | undefined
  const dispose = async () => {
    await db.destroy()
    const statement = `drop database if exists ${pg.escapeIdentifier(nameIn(connectionString))} with (force)`
    await onServer(server, (client) => client.query(statement))
    await afterwards()
  }
  return { db, connectionString, [Symbol.asyncDispose]: () => (disposed ??= dispose()) }
}
