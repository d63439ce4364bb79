import { CamelCasePlugin, Kysely, ParseJSONResultsPlugin, PostgresDialect, sql, type KyselyConfig } from 'kysely'
import pg from 'pg'
import { openDatabase } from '../../core/database/open.ts'
import type { DB } from '../../core/database/schema.ts'
import { openPool } from './open-pool.ts'

/** A table beside ours, of whoever enrolls. */
export type OwnTables = {
  ledger: { note: string; noted_at: Date }
}

export type OwnersDB = DB & OwnTables

/** A pool that was not made by `openDatabase`. */
export function foreignPool(
  connectionString: string,
  config: pg.PoolConfig & { binary?: boolean } = {},
  kysely: Partial<KyselyConfig> = {},
): Kysely<OwnersDB> {
  const pool = openPool({ connectionString, ...config })
  return new Kysely<OwnersDB>({ dialect: new PostgresDialect({ pool }), ...kysely })
}

/** Our own pool, as somebody with tables beside ours knows it. */
export function ownPool(connectionString: string, poolSize?: number): Kysely<OwnersDB> {
  const db = openDatabase({ connectionString, ...(poolSize === undefined ? {} : { poolSize }) })
  return db.$extendTables<OwnTables>()
}

type Open = (connectionString: string) => Kysely<OwnersDB>

/** Parsers that answer something else for everything that we read. */
const strange: pg.CustomTypesConfig = { getTypeParser: () => (value: unknown) => ({ strange: value }) }

const pools: Record<string, Open> = {
  'our own pool': (url) => ownPool(url),
  'our own pool with plugins': (url) =>
    ownPool(url).withPlugin(new CamelCasePlugin()).withPlugin(new ParseJSONResultsPlugin()),
  'our own pool with a schema': (url) => ownPool(url).withSchema('nowhere'),
  'a foreign pool': (url) => foreignPool(url),
  'a foreign pool of one connection': (url) => foreignPool(url, { max: 1 }),
  'a foreign pool with type parsers': (url) => foreignPool(url, { types: strange }),
  'a foreign pool that reads binary': (url) => foreignPool(url, { binary: true }),
  'a foreign pool with plugins': (url) =>
    foreignPool(url, {}, { plugins: [new CamelCasePlugin(), new ParseJSONResultsPlugin()] }),
  'a foreign pool with a schema': (url) => foreignPool(url).withSchema('nowhere'),
  'a foreign pool with a log': (url) => foreignPool(url, {}, { log: () => {} }),
  'a foreign pool with a time-out of each query': (url) => foreignPool(url, { query_timeout: 60_000 }),
  'a foreign pool in another time zone': (url) => foreignPool(url, { options: '-c timezone=America/St_Johns' }),
  'a foreign pool with German dates': (url) =>
    foreignPool(url, { options: '-c datestyle=German -c timezone=America/St_Johns' }),
  'a foreign pool with SQL dates': (url) => foreignPool(url, { options: '-c datestyle=SQL,DMY' }),
  'a foreign pool with settings of every kind': (url) => foreignPool(url, { options: STRANGE_SETTINGS }),
}

/** As a database or a role may have them. */
const STRANGE_SETTINGS = [
  'datestyle=Postgres,MDY',
  'timezone=America/St_Johns',
  'intervalstyle=sql_standard',
  'bytea_output=escape',
  'extra_float_digits=-15',
  'standard_conforming_strings=off',
  String.raw`default_transaction_isolation=repeatable\ read`,
  'client_min_messages=debug1',
  'jit=on',
  'jit_above_cost=0',
  'row_security=off',
  'transform_null_equals=on',
]
  .map((setting) => `-c ${setting}`)
  .join(' ')

type Enter = (db: Kysely<OwnersDB>, work: (handle: Kysely<OwnersDB>) => Promise<void>) => Promise<unknown>

const handles: Record<string, Enter> = {
  itself: (db, work) => work(db),
  'a transaction': (db, work) => db.transaction().execute(work),
  'a transaction of a connection': (db, work) =>
    db.connection().execute((connection) => connection.transaction().execute(work)),
  'a controlled transaction': async (db, work) => {
    const trx = await db.startTransaction().execute()
    await work(trx)
    await trx.commit().execute()
  },
  'a controlled transaction after a savepoint': async (db, work) => {
    const trx = await db.startTransaction().execute()
    const after = await trx.savepoint('of_the_owner').execute()
    await work(after)
    await after.releaseSavepoint('of_the_owner').execute()
    await trx.commit().execute()
  },
  'a connection': (db, work) => db.connection().execute(work),
  'a connection with a begin by hand': (db, work) => begunByHand(db, work),
}

/** Of the pools that differ in how they read and write only: where it could matter. */
const FEW = ['itself', 'a transaction', 'a connection with a begin by hand']

/** The ways to come by a handle: of which pool, and which handle of it. */
export const waysToAHandle = Object.entries(pools).flatMap(([pool, open]) =>
  Object.entries(handles)
    .filter(([handle]) => FEW.includes(handle) || /^(our own|a foreign) pool$/.test(pool))
    .map(([handle, enter]) => ({ name: `${pool}, ${handle}`, open, enter })),
)

/** Begins and commits on a connection with statements, as code does that knows no Kysely; rolls back where the work throws. */
export async function begunByHand<T, D extends DB>(
  db: Kysely<D>,
  work: (connection: Kysely<D>) => Promise<T>,
): Promise<T> {
  return db.connection().execute(async (connection) => {
    await sql`begin`.execute(connection)
    try {
      const done = await work(connection)
      await sql`commit`.execute(connection)
      return done
    } catch (error) {
      await sql`rollback`.execute(connection)
      throw error
    }
  })
}

/** Runs work while the process’s own type parsers, which every pool has by default, answer something strange. */
export async function withStrangeParsers<T>(work: () => Promise<T>): Promise<T> {
  const oids = [
    16, 17, 20, 21, 23, 25, 26, 114, 700, 701, 1000, 1005, 1007, 1016, 1009, 1043, 1082, 1114, 1184, 1185, 1700, 2950,
    3802,
  ]
  const before = oids.map((oid) => [oid, pg.types.getTypeParser(oid, 'text')] as const)
  for (const oid of oids) pg.types.setTypeParser(oid, (text: string) => ({ strange: text }))
  try {
    return await work()
  } finally {
    for (const [oid, parse] of before) pg.types.setTypeParser(oid, parse)
  }
}
