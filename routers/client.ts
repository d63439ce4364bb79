import { createTRPCClient, httpBatchLink, type TRPCClient } from '@trpc/client'
import { Agent, request, type Dispatcher } from 'undici'
import type { AppRouter } from './index.ts'

/** How to reach the private listener of a running server: over TCP or over its Unix socket. */
export type ClientOptions = { readonly token: string } & (
  | { readonly url: string; readonly socketPath?: undefined }
  | { readonly socketPath: string; readonly url?: undefined }
)

/** One function per procedure, e.g. `client.enrollment.enroll.mutate(input)`; `await using` or `close()` ends it. */
export type Client = TRPCClient<AppRouter> & AsyncDisposable & { close(): Promise<void> }

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
  const client = createTRPCClient<AppRouter>({
    links: [
      httpBatchLink({
        url: `${(url ?? 'http://localhost').replace(/\/$/, '')}/trpc`,
        headers: { authorization: `Bearer ${token}` },
        // Several requests on their way at once: with all calls in one, client and server would wait for each other.
        maxItems: 32,
        // Names travel in the body, so that a long list never makes a URL too long.
        methodOverride: 'POST',
        fetch: (url, options) => send(agent, String(url), options),
      }),
    ],
  })
  const close = () => agent.close()
  const own: Record<PropertyKey, unknown> = { close, [Symbol.asyncDispose]: close }
  // The client is a proxy that answers to every name; these two names are ours.
  return new Proxy(client, { get: (target, key, receiver) => own[key] ?? Reflect.get(target, key, receiver) }) as Client
}

interface SendOptions {
  readonly method?: string | undefined
  readonly headers?: unknown
  readonly body?: unknown
  readonly signal?: AbortSignal | null | undefined
}

/** As much of `fetch` as the link uses, without its streams, clones and header objects, which cost more than the call. */
async function send(agent: Agent, url: string, { method, headers, body, signal }: SendOptions = {}) {
  const { statusCode, body: answer } = await request(url, {
    dispatcher: agent,
    method: method as Dispatcher.HttpMethod, // What the link says: POST.
    headers: headers as Record<string, string>, // The link's own are a plain object.
    body: body as string | null, // JSON: no procedure takes a file.
    signal: signal ?? null,
  })
  return { ok: statusCode < 400, status: statusCode, json: () => answer.json() }
}
