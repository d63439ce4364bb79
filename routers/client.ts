import { setImmediate as endOfTurn } from 'node:timers/promises'
import { request } from 'undici'
import { WatchingAgent } from './client-agent.ts'
import { batchingClient, type Answer } from './client-batches.ts'
import { RequestFailed } from './client-errors.ts'
import { clientProxy } from './client-proxy.ts'
import { followSubscription, type OpenStream } from './client-subscriptions.ts'
import type { Client, ClientOptions } from './client-types.ts'

export type {
  Client,
  ClientCallOptions,
  ClientOf,
  ClientOptions,
  ClientSubscription,
  SubscriptionError,
  SubscriptionHandlers,
} from './client-types.ts'

/**
 * Makes a typed client for another process of the same deployment. Calls made in the same turn of the event loop travel
 * together, and each stands or falls alone.
 *
 * @param options `url` of the private listener (`http://127.0.0.1:8001`) or its `socketPath`; `token` is the secret of
 *   one of its `INTERNAL_TOKENS`.
 * @returns a client whose calls reject with `TRPCClientError`; `error.data.reason` is the domain's code and
 *   `error.data.details` its details. Where nobody was reached, or nobody answered in time, the code is `unavailable`, and
 *   `details.sent` tells whether any byte of the request was written: if so, its fate is unknown. Subscriptions resume by
 *   themselves; closing the client ends them.
 */
export function createClient({ token, url, socketPath, deadlineMs = 30_000 }: ClientOptions): Client {
  const agent = new WatchingAgent(socketPath === undefined ? {} : { connect: { socketPath } })
  const base = `${(url ?? 'http://localhost').replace(/\/$/, '')}/trpc/`
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  // POST for queries as well: names travel in the body, so that a long list never makes a URL too long. Without `fetch`,
  // whose streams, clones and header objects cost more than the call.
  const send = async (path: string, body: string, signal: AbortSignal): Promise<Answer> => {
    let sent = false
    const onSent = () => {
      sent = true
    }
    const options = { dispatcher: agent, method: 'POST', headers, body, signal, onSent } as const
    try {
      const { statusCode, body: answer } = await request(base + path, options)
      return { status: statusCode, text: () => answer.text().catch((cause: unknown) => failed(cause, sent)) }
    } catch (cause) {
      return failed(cause, sent)
    }
  }
  const end = new AbortController()
  const openStream: OpenStream = async (path, body, signal) => {
    const options = { dispatcher: agent, method: 'POST', headers, body, signal, bodyTimeout: SILENCE_MS } as const
    const { statusCode, headers: answered, body: stream } = await request(base + path, options).catch(lost)
    const isStream = String(answered['content-type']).startsWith('text/event-stream')
    return { status: statusCode, isStream, body: parts(stream), text: () => stream.text().catch(lost) }
  }
  const client = clientProxy({
    ...batchingClient(send, deadlineMs),
    follow: (path, input, { signal, ...options } = {}) =>
      followSubscription(openStream, path, input, {
        ...options,
        signal: signal === undefined ? end.signal : AbortSignal.any([signal, end.signal]),
      }),
  }) as Client // It answers to every name; the types say which ones there are.
  let closed: Promise<void> | undefined
  // A turn later: the calls of this one are on their way then, and are answered.
  const close = () => {
    end.abort()
    return (closed ??= endOfTurn().then(() => agent.close()))
  }
  const own: Record<PropertyKey, unknown> = { close, [Symbol.asyncDispose]: close }
  return new Proxy(client, { get: (target, key, receiver) => own[key] ?? Reflect.get(target, key, receiver) })
}

/** Milliseconds after which a stream without even a heartbeat is lost. */
const SILENCE_MS = 45_000

async function* parts(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  try {
    yield* stream
  } catch (cause) {
    lost(cause)
  }
}

function lost(cause: unknown): never {
  const reason = cause instanceof Error ? cause.message : String(cause)
  throw new RequestFailed(`The server cannot be reached, or the connection was lost (${reason})`, { sent: true, cause })
}

function failed(cause: unknown, sent: boolean): never {
  const reason = cause instanceof Error ? cause.message : String(cause)
  const fate = sent ? 'whether it was carried out is unknown' : 'it was not carried out'
  throw new RequestFailed(`The call had no answer (${reason}): ${fate}`, { sent, cause })
}
