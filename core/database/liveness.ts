import pg from 'pg'
import { withoutOptions } from './session-pool.ts'

/** Milliseconds for each half of the question. */
const MAX_ANSWER_MS = 2_000

/** A statement whose answer is late. */
export interface LateStatement {
  /** Of several that were sent together: each of them. */
  readonly texts: readonly string[]
  /** Of the server, as the connection was told; behind a pooler it says nothing. */
  readonly processId: number
  readonly isPooled: boolean
}

/**
 * Makes a function that asks the server, on a connection of its own, whether it is at work on a statement. Where the server
 * does not answer in time either, it is not.
 *
 * Behind a pooler it is asked for any process with the same statement. Where the pooler takes a connection but does not answer,
 * it has none of the server to give: the statement waits in its queue, and is left there.
 */
export function livenessOf(connectionString: string): (statement: LateStatement) => Promise<boolean> {
  return async ({ texts, processId, isPooled }) => {
    const client = new pg.Client({
      connectionString: withoutOptions(connectionString).url,
      connectionTimeoutMillis: MAX_ANSWER_MS,
      query_timeout: MAX_ANSWER_MS,
    })
    client.on('error', () => {})
    let isConnected = false
    try {
      await client.connect()
      isConnected = true
      const { rows } = await (isPooled ? client.query(AT_THE_SAME, [texts]) : client.query(AT_WORK, [processId]))
      return rows.length > 0
    } catch {
      return isPooled && isConnected
    } finally {
      // Not waited for: a connection that does not answer does not end either.
      client.end().catch(() => {})
    }
  }
}

const AT_WORK = `select from pg_stat_activity where pid = $1 and state <> 'idle'`

/** The server keeps the beginning of a statement only; where it tracks nothing, everything may be at work. */
const AT_THE_SAME = `select from pg_stat_activity
  where datname = current_database() and pid <> pg_backend_pid()
    and (state = 'disabled' or state = 'active' and left(query, 90) = any (select left(text, 90) from unnest($1::text[]) as text))`
