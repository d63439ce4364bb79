import pg from 'pg'

/** Milliseconds for the whole question. */
const MAX_ANSWER_MS = 2_000

/**
 * Makes a function that asks the server, on a connection of its own, whether one of its processes is at work. Where the server
 * does not answer in time either, it is not.
 */
export function livenessOf(connectionString: string): (processId: number) => Promise<boolean> {
  return async (processId) => {
    const client = new pg.Client({
      connectionString,
      connectionTimeoutMillis: MAX_ANSWER_MS,
      query_timeout: MAX_ANSWER_MS,
    })
    client.on('error', () => {})
    try {
      await client.connect()
      const { rows } = await client.query(AT_WORK, [processId])
      return rows.length > 0
    } catch {
      return false
    } finally {
      // Not waited for: a connection that does not answer does not end either.
      client.end().catch(() => {})
    }
  }
}

const AT_WORK = `select from pg_stat_activity where pid = $1 and state <> 'idle'`
