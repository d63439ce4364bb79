import { createServer } from 'node:net'
import { ListenError, listenOnHost, listenOnSocket } from './addresses.ts'
import type { Config } from './config.ts'

/**
 * Tries whether both listeners could be opened, so that everything that is in the way is told at once. Each is closed
 * again.
 *
 * @returns what is in the way, in the order public, private.
 */
export async function listenerFaults({
  publicAddress: outside,
  privateAddress: inside,
}: Pick<Config, 'publicAddress' | 'privateAddress'>): Promise<string[]> {
  const faults = [
    await faultOf((server) => listenOnHost(server, outside, 'PORT')),
    await faultOf((server) =>
      'socketPath' in inside
        ? listenOnSocket(server, inside.socketPath, 'INTERNAL_SOCKET')
        : listenOnHost(server, inside, 'INTERNAL_PORT'),
    ),
  ]
  return faults.filter((fault) => fault !== null)
}

async function faultOf(listen: (server: ReturnType<typeof createServer>) => Promise<void>): Promise<string | null> {
  const server = createServer()
  try {
    await listen(server)
    await new Promise((resolve) => server.close(resolve))
    return null
  } catch (error) {
    if (error instanceof ListenError) return error.message
    throw error
  }
}
