import pg from 'pg'

/**
 * A plain pool of pg. It does not wait for the end of its connections when it is ended: what the end of their database or server says
 * to them then is nobody's error.
 */
export function openPool(config: pg.PoolConfig & { readonly binary?: boolean }): pg.Pool {
  const pool = new pg.Pool(config)
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  return pool
}
