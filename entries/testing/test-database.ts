import { randomBytes } from 'node:crypto'
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

const OBJECT_IN_USE = '55006'
const ATTEMPTS = 3

/**
 * Does what a database has to be left alone for. PostgreSQL itself waits some seconds for its connections to go.
 *
 * @throws {Error} where a connection is not idle, and stays.
 */
export async function whileUnused(client: pg.Client, name: string, work: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    await client.query(CLOSE_IDLE, [name])
    try {
      await work()
      return
    } catch (cause) {
      if (!(cause instanceof pg.DatabaseError) || cause.code !== OBJECT_IN_USE) throw cause
      if (attempt === ATTEMPTS) throw new Error(`The database ${name} is in use: end what runs in it first.`, { cause })
    }
  }
}

const CLOSE_IDLE = `select pg_terminate_backend(pid, 1000) from pg_stat_activity
where datname = $1 and state = 'idle' and pid <> pg_backend_pid()`

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
