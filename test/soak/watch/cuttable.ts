import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** A stretch of network that can be cut: what connects again is taken through. */
export interface Cuttable extends AsyncDisposable {
  readonly url: string
  /** @returns whether there was a connection. */
  cut(): boolean
}

/** @param portOf where the next connection goes; asked for each. */
export async function openCuttable(portOf: () => number): Promise<Cuttable> {
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(portOf(), '127.0.0.1')
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.on('error', () => {})
      from.once('close', () => {
        sockets.delete(from)
        to.destroy()
      })
      from.pipe(to)
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // It listens on a host and a port.
  const cut = () => {
    const some = sockets.size > 0
    for (const socket of sockets) socket.destroy()
    return some
  }
  return {
    url: `http://127.0.0.1:${port}`,
    cut,
    async [Symbol.asyncDispose]() {
      server.close()
      cut()
    },
  }
}
