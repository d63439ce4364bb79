import {
  CompiledQuery,
  DefaultQueryExecutor,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type KyselyProps,
  type QueryExecutor,
} from 'kysely'

/**
 * What makes a Kysely of ours of an executor of somebody else: its connections, our compiler, and none of its plugins.
 *
 * @param connectionOn how a connection is used; the same one for the same connection.
 * @param begin what begins a transaction.
 * @param adapter what knows the kind of database.
 */
export function propsOn(
  foreign: QueryExecutor,
  connectionOn: (connection: DatabaseConnection) => DatabaseConnection,
  begin = BEGIN,
  adapter = foreign.adapter,
): KyselyProps {
  const bare = foreign.withoutPlugins()
  const provider = {
    provideConnection: <T>(consumer: (connection: DatabaseConnection) => Promise<T>): Promise<T> =>
      bare.provideConnection((connection) => consumer(connectionOn(connection))),
  }
  const executor = new DefaultQueryExecutor(new PostgresQueryCompiler(), adapter, provider)
  return { config: { dialect }, dialect, driver: driverWith(begin), executor }
}

/** A connection whose statements are changed before they are sent. */
export function connectionWith(
  connection: DatabaseConnection,
  changed: <R>(query: CompiledQuery<R>) => CompiledQuery<R>,
): DatabaseConnection {
  return {
    executeQuery: (query) => connection.executeQuery(changed(query)),
    streamQuery: () => {
      throw new Error('Nothing of ours is read by a cursor')
    },
  }
}

/** Begins and ends transactions; connections come from the executor. */
const driverWith = (begin: string): Driver => ({
  async init() {},
  async acquireConnection() {
    throw new Error('The connections of an adopted database come from its owner')
  },
  async beginTransaction(connection) {
    await connection.executeQuery(CompiledQuery.raw(begin))
  },
  async commitTransaction(connection) {
    const { rows } = await connection.executeQuery<{ command?: string }>(CompiledQuery.raw('commit'))
    if (rows[0]?.command === 'ROLLBACK') throw new Error('The transaction had failed before and was rolled back')
  },
  async rollbackTransaction(connection) {
    await connection.executeQuery(CompiledQuery.raw('rollback'))
  },
  async releaseConnection() {},
  async destroy() {},
})

/** Whatever the database prefers: what waits for a lock has to see what its holder wrote. */
const BEGIN = 'begin isolation level read committed'

const dialect: Dialect = {
  createAdapter: () => new PostgresAdapter(),
  createDriver: () => driverWith(BEGIN),
  createQueryCompiler: () => new PostgresQueryCompiler(),
  createIntrospector: (db) => new PostgresIntrospector(db),
}
