import pg from 'pg'
import { withoutOptions } from './session-pool.ts'

/** A connection of its own that hears what is sent on a channel. */
export interface Listening {
  /** Whether transactions can be prepared here: those that may be do not notify. */
  readonly isPreparing: boolean
  readonly isLost: () => boolean
  close(): void
}

/**
 * Opens a connection beside a pool that listens on a channel.
 *
 * @param channel a plain identifier.
 * @param onHeard something was sent, or the connection is lost: what was sent in the meantime is not told.
 * @throws when the server cannot be reached.
 */
export async function listenOn(connectionString: string, channel: string, onHeard: () => void): Promise<Listening> {
  const client = new pg.Client({
    connectionString: withoutOptions(connectionString).url,
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: CONNECT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  })
  let isLost = false
  const lose = () => {
    if (isLost) return
    isLost = true
    onHeard()
  }
  client.on('error', lose)
  client.on('end', lose)
  client.on('notification', onHeard)
  const close = () => {
    isLost = true
    client.end().catch(() => {})
  }
  try {
    await client.connect()
    await client.query(`listen ${channel}`)
    const { rows } = await client.query<{ preparing: boolean }>(IS_PREPARING)
    return { isPreparing: rows[0]?.preparing ?? true, isLost: () => isLost, close }
  } catch (error) {
    close()
    throw error
  }
}

const CONNECT_MS = 5_000

const IS_PREPARING = `select current_setting('max_prepared_transactions') <> '0' as preparing`
