import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { startDelay, type Delay } from './delay.ts'

/** A way to a server that takes longer, as if it were on another machine. */
export interface DelayingProxy extends AsyncDisposable {
  /** On the loopback interface. */
  readonly port: number
  /**
   * How often a client has sent something after it had an answer to all that it sent before: round trips that it has waited
   * for. What is sent in one go, or before the answer has come, is one.
   */
  flushes(): number
}

/**
 * Opens it. What is sent arrives `delayMs` later in either direction, complete and in its order; an end is delayed too.
 * What waits is kept in memory, however much it is.
 */
export async function openDelayingProxy(
  target: { readonly host: string; readonly port: number },
  delayMs: number,
): Promise<DelayingProxy> {
  await using undo = new AsyncDisposableStack()
  const delay = undo.use(startDelay(delayMs))
  const sockets = new Set<Socket>()
  let flushes = 0
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const upstream = connect({ ...target, allowHalfOpen: true, noDelay: true })
    let isAnswered = true
    client.on('data', () => {
      if (isAnswered) flushes += 1
      isAnswered = false
    })
    passOn(client, upstream, delay)
    passOn(upstream, client, delay, () => (isAnswered = true))
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
    }
  })
  undo.defer(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo // It listens on a port.
  const stack = undo.move()
  return { port, flushes: () => flushes, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

function passOn(from: Socket, to: Socket, { later }: Delay, onPassed = () => {}): void {
  from.on('data', (data) =>
    later(() => {
      to.write(data)
      onPassed()
    }),
  )
  from.once('end', () => later(() => to.end()))
  from.once('error', () => later(() => to.destroy()))
}
