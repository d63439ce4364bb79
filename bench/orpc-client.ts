import { createORPCClient } from '@orpc/client'
import { RPCLink } from '@orpc/client/fetch'
import { BatchLinkPlugin } from '@orpc/client/plugins'
import type { RouterClient } from '@orpc/server'
import { Agent } from 'undici'
import type { OrpcRouter } from './orpc-server.ts'

/** As many calls as our own client sends together. */
const MAX_BATCH_SIZE = 100

/** The typed client of the peer behind oRPC, over a Unix socket as ours. */
export function createOrpcClient({ socketPath, token }: { socketPath: string; token: string }) {
  const agent = new Agent({ connect: { socketPath } })
  const link = new RPCLink({
    url: 'http://localhost/rpc',
    headers: { authorization: `Bearer ${token}` },
    plugins: [
      // One answer for the whole batch, as with ours; streaming them one by one is slower.
      new BatchLinkPlugin({
        groups: [{ condition: () => true, context: {} }],
        maxSize: MAX_BATCH_SIZE,
        mode: 'buffered',
      }),
    ],
    // Node's own `fetch` takes a dispatcher of undici's, whose types are of another release.
    fetch: (request, init) => fetch(request, { ...init, dispatcher: agent } as object),
  })
  const client: RouterClient<OrpcRouter> = createORPCClient(link)
  return { client, [Symbol.asyncDispose]: () => agent.close() }
}
