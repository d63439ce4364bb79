import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { startEmbeddedDatabase } from '../embedded/start.ts'
import { migrateToLatest } from '../core/database/migrate.ts'
import { openDatabase, type Database } from '../core/database/open.ts'

/** A PostgreSQL server that lives as long as a run of the benchmark. */
export interface Postgres extends AsyncDisposable {
  /** Connects its superuser. */
  readonly connectionString: string
  /** Creates a database of that name, migrated and without a row. */
  createStore(name: string): Promise<Store>
}

/** One database of the server, as its users reach it. */
export interface Store extends AsyncDisposable {
  readonly connectionString: string
  /** What the service opens. */
  readonly db: Database
  /** A plain pool for everything that is not measured. */
  readonly pool: pg.Pool
}

/**
 * Starts a PostgreSQL with its default settings and full durability; it only takes more connections than by default,
 * because some baselines are fastest with one for each caller.
 *
 * @param options.sharedBuffers its cache, where the 128 MB of the default are not what is measured.
 */
export async function startPostgres({ sharedBuffers = '128MB' } = {}): Promise<Postgres> {
  await using undo = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), 'enrollment-bench-'))
  undo.defer(() => rm(directory, { recursive: true, force: true }))
  const settings = { max_connections: '300', shared_buffers: sharedBuffers }
  const dataDir = join(directory, 'data')
  const server = undo.use(await startEmbeddedDatabase({ dataDir, mode: 'owner', settings }))
  const stack = undo.move()
  return {
    connectionString: server.connectionString,
    createStore: (name) => createStore(server.connectionString, name),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

/** A plain pool; `max` is the number of its connections. */
export function openPool(connectionString: string, max: number): pg.Pool {
  const pool = new pg.Pool({ connectionString, max })
  pool.on('error', () => {}) // A connection that the server's stop cuts off.
  return pool
}

/** Opens the database as the service does by default. */
export function openStore(connectionString: string): Database {
  return openDatabase({ connectionString, poolSize: SERVICE_POOL_SIZE })
}

/** Creates a database of that name on a server, migrated and without a row. */
export async function createStore(serverAddress: string, name: string): Promise<Store> {
  await using undo = new AsyncDisposableStack()
  const admin = new pg.Client({ connectionString: serverAddress })
  await admin.connect()
  try {
    await admin.query(`create database ${pg.escapeIdentifier(name)}`)
  } finally {
    await admin.end()
  }
  const address = new URL(serverAddress)
  address.pathname = `/${encodeURIComponent(name)}`
  const connectionString = address.href
  const db = undo.use(openStore(connectionString))
  await migrateToLatest(db)
  const pool = openPool(connectionString, 4)
  undo.defer(() => pool.end())
  const stack = undo.move()
  return { connectionString, db, pool, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

/** The default of the server's setting `DATABASE_POOL_SIZE`. */
const SERVICE_POOL_SIZE = 10
