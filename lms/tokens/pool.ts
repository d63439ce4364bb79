import { createPool, type RowDataPacket } from 'mysql2/promise'
import { connectionOptions, IN_UTC } from '../source/connection-options.ts'
import { LmsSilent, withinDeadline } from '../source/deadline.ts'

/** A few connections to the database of an LMS for questions that somebody waits for. */
export interface LmsPool extends AsyncDisposable {
  /** The rows of one statement. */
  query<Row>(statement: string, values: readonly (string | readonly string[])[]): Promise<Row[]>
}

/** So many questions are asked at a time; who asks more waits for a connection. */
export const POOL_SIZE = 2

/** Milliseconds for a connection, and for the answer to a question. */
const CONNECT_MS = 2_000
const ANSWER_MS = 5_000

/** Milliseconds after which nobody waits for a connection at all. */
const ABANDONED_MS = 10_000

/**
 * Opens the pool; the first question connects. A connection that the database has closed meanwhile is replaced without anybody
 * noticing; one that is silent costs those their answer who wait for it.
 */
export function openLmsPool(url: string): LmsPool {
  const pool = createPool({
    ...connectionOptions(url),
    connectTimeout: ABANDONED_MS,
    connectionLimit: POOL_SIZE,
    maxIdle: 1,
    idleTimeout: 60_000,
  })
  pool.on('connection', (connection) => void connection.query(IN_UTC))
  const ask = async <Row>(statement: string, values: readonly unknown[]): Promise<Row[]> => {
    const connecting = pool.getConnection()
    // One that comes late is for others.
    const giveUp = () => void connecting.then((late) => late.release()).catch(() => {})
    const connection = await withinDeadline(connecting, CONNECT_MS, giveUp)
    try {
      const answer = connection.query<RowDataPacket[]>(statement, [...values])
      const [rows] = await withinDeadline(answer, ANSWER_MS, () => connection.destroy())
      connection.release()
      return rows as unknown as Row[] // as the statement selects them
    } catch (error) {
      connection.destroy()
      throw error
    }
  }
  return {
    async query<Row>(statement: string, values: readonly unknown[]) {
      try {
        return await ask<Row>(statement, values)
      } catch (error) {
        if (!wasClosed(error)) throw error
      }
      return ask<Row>(statement, values)
    },
    async [Symbol.asyncDispose]() {
      await withinDeadline(pool.end(), 500, () => {}).catch(() => {})
    },
  }
}

/** Whether a connection was closed while nobody looked: a new one may do. */
function wasClosed(error: unknown): boolean {
  return error instanceof Error && !(error instanceof LmsSilent) && CLOSED.includes(String(Reflect.get(error, 'code')))
}

const CLOSED = ['PROTOCOL_CONNECTION_LOST', 'ECONNRESET', 'EPIPE']
