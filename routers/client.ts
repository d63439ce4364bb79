import { setImmediate as endOfTurn } from 'node:timers/promises'
import { createTRPCClientProxy } from '@trpc/client'
import { Agent, request } from 'undici'
import { batchingClient } from './client-batches.ts'
import type { Client, ClientOptions } from './client-types.ts'
import type { AppRouter } from './index.ts'

export type { Client, ClientCallOptions, ClientOf, ClientOptions } from './client-types.ts'

/**
 * Makes a typed client for another process of the same deployment. Calls made in the same turn of the event loop travel
 * together, and each stands or falls alone.
 *
 * @param options `url` of the private listener (`http://127.0.0.1:8001`) or its `socketPath`; `token` is the secret of
 *   one of its `INTERNAL_TOKENS`.
 * @returns a client whose calls reject with `TRPCClientError`; `error.data.reason` is the domain's code and
 *   `error.data.details` its details.
 */
export function createClient({ token, url, socketPath }: ClientOptions): Client {
  const agent = new Agent(socketPath === undefined ? {} : { connect: { socketPath } })
  const base = `${(url ?? 'http://localhost').replace(/\/$/, '')}/trpc/`
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  // POST for queries as well: names travel in the body, so that a long list never makes a URL too long. Without `fetch`,
  // whose streams, clones and header objects cost more than the call.
  const client = createTRPCClientProxy<AppRouter>(
    batchingClient(async (path, body, signal) => {
      const answer = await request(base + path, { dispatcher: agent, method: 'POST', headers, body, signal })
      return { status: answer.statusCode, json: () => answer.body.json() }
    }),
  )
  let closed: Promise<void> | undefined
  // A turn later: the calls of this one are on their way then, and are answered.
  const close = () => (closed ??= endOfTurn().then(() => agent.close()))
  const own: Record<PropertyKey, unknown> = { close, [Symbol.asyncDispose]: close }
  // The client is a proxy that answers to every name; these two names are ours.
  const both = new Proxy(client, { get: (target, key, receiver) => own[key] ?? Reflect.get(target, key, receiver) })
  return both as typeof client & Pick<Client, 'close' | typeof Symbol.asyncDispose>
}
