import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { openDatabase, type Database } from '../../core/database/open.ts'

/** A pool whose round trips are counted on the way to PostgreSQL. */
export interface CountedPool extends AsyncDisposable {
  readonly pool: Database
  /** The fewest round trips of some calls, one after another: now and then a connection is opened beside one. */
  fewestOf<T>(values: readonly T[], call: (value: T) => Promise<unknown>): Promise<number>
}

/** Readers of the feed are woken beside the calls. */
const BESIDE = 'event.wake'

export async function openCountedPool(connectionString: string): Promise<CountedPool> {
  const sockets = new Set<Socket>()
  let flushes = 0
  const { hostname, port } = new URL(connectionString)
  const server = createServer({ noDelay: true }, (client) => {
    const backend = connect({ host: hostname, port: Number(port), noDelay: true })
    let isAnswered = true
    client.on('data', (data) => {
      // What is sent before the answer has come is one round trip.
      if (isAnswered && !data.includes(BESIDE)) flushes += 1
      isAnswered = false
      backend.write(data)
    })
    backend.on('data', (data) => {
      isAnswered = true
      client.write(data)
    })
    for (const [socket, other] of [[client, backend] as const, [backend, client] as const]) {
      sockets.add(socket)
      socket.on('error', () => {}).once('close', () => other.destroy())
    }
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const url = new URL(connectionString)
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}` // It listens on a port.
  const pool = openDatabase({ connectionString: url.href })
  return {
    pool,
    async fewestOf(values, call) {
      const counts: number[] = []
      for (const value of values) {
        const before = flushes
        await call(value)
        counts.push(flushes - before)
      }
      return Math.min(...counts)
    },
    async [Symbol.asyncDispose]() {
      await pool.destroy()
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}
