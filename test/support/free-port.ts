import { createServer } from 'node:net'

// Systems give connections and servers that want any port one from 32768 on. What is used later, or again after a server was
// killed, must not be one of those: somebody else may have got it by then.
const FIRST = 10_240
const LAST = 32_767

/** Processes that look for ports at the same time find different ones: each worker of vitest has every 64th. */
const WORKERS = 64
const own = Number(process.env['VITEST_POOL_ID'] ?? 0) % WORKERS
const places = Math.floor((LAST + 1 - FIRST) / WORKERS)
let next = Math.floor(Math.random() * places)

/** A port of loopback that nobody listens on, and that nobody gets by chance. */
export async function freePort(): Promise<number> {
  for (let tried = 0; tried < places; tried += 1) {
    next = (next + 1) % places
    const port = FIRST + next * WORKERS + own
    if (await isFree(port)) return port
  }
  throw new Error('No port is free')
}

function isFree(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => void server.close(() => resolve(true)))
  })
}
