import pg from 'pg'

/** Milliseconds after which a connection that is not there yet is given up, and tried again. */
const CONNECT_MS = 10_000

/**
 * Opens the few connections of the queue. What goes wrong with them is told by the queries that fail, and what goes wrong with making
 * one has no code: graphile-worker knows some of those, of a database that begins or of a network that is away, and would wait for up to
 * two minutes before it tries again. Without, it looks at the next turn of its own.
 *
 * @param max how many.
 */
export function openQueuePool(connectionString: string, max: number): pg.Pool {
  const pool = new pg.Pool({
    connectionString,
    max,
    connectionTimeoutMillis: CONNECT_MS,
    application_name: 'enrollment bulk jobs',
    keepAlive: true,
  })
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  const connect = pool.connect.bind(pool)
  const connectWithoutCode = async () => {
    try {
      return await connect()
    } catch (cause) {
      throw new Error(cause instanceof Error ? cause.message : String(cause), { cause })
    }
  }
  return Object.assign(pool, {
    connect: (callback?: Parameters<typeof connect>[0]) =>
      callback === undefined ? connectWithoutCode() : connect(callback),
  })
}
