import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** A way to a server that can go silent: connections stay open, and nothing passes any more, as when a host is gone. */
export interface SilentProxy extends AsyncDisposable {
  /** The same URL by way of the proxy. */
  readonly url: string
  /** Connections that were opened so far. */
  readonly opened: () => number
  /** From now on nothing passes; `only` the connections with these numbers, from 0. */
  silence(only?: (number: number) => boolean): void
  /** Everything passes again, also what was held back. */
  resume(): void
}

export async function openSilentProxy(target: string): Promise<SilentProxy> {
  const { hostname, port } = new URL(target)
  const pairs: [Socket, Socket][] = []
  let isSilent: (number: number) => boolean = () => false
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname)
    const number = pairs.push([client, upstream]) - 1
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.on('data', (data) => to.write(data))
      from.on('error', () => to.destroy())
      from.on('close', () => to.destroy())
      if (isSilent(number)) from.pause()
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(target)
  url.hostname = '127.0.0.1'
  url.port = String((server.address() as AddressInfo).port)
  return {
    url: url.href,
    opened: () => pairs.length,
    silence(only = () => true) {
      isSilent = only
      for (const [number, sockets] of pairs.entries()) if (only(number)) for (const socket of sockets) socket.pause()
    },
    resume() {
      isSilent = () => false
      for (const sockets of pairs) for (const socket of sockets) socket.resume()
    },
    async [Symbol.asyncDispose]() {
      for (const sockets of pairs) for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}
