import { TRPCClientError } from '@trpc/client'
import type { Tracked } from '../core/tracked.ts'
import type { SubscriptionOptions } from './client-subscriptions.ts'
import type { ClientCallOptions, SubscriptionHandlers } from './client-types.ts'

/** What calls end in. */
export interface Transport {
  readonly query: Send
  readonly mutation: Send
  readonly follow: (
    path: string,
    input: unknown,
    options?: SubscriptionOptions,
  ) => AsyncIterableIterator<Tracked<unknown>, void, void>
}

type Send = (path: string, input: unknown, options?: ClientCallOptions) => Promise<unknown>

/**
 * An object that answers to every name: `object.enrollment.get.query(input)` calls `enrollment.get`, and
 * `object.events.watch(input)` follows `events.watch`.
 */
export function clientProxy(transport: Transport): unknown {
  return node(transport, [])
}

function node(transport: Transport, path: readonly string[]): unknown {
  const children = new Map<string, unknown>()
  return new Proxy(() => {}, {
    get(_, name) {
      // Whoever awaits it asks for `then`.
      if (typeof name !== 'string' || name === 'then') return undefined
      const child = children.get(name) ?? node(transport, [...path, name])
      children.set(name, child)
      return child
    },
    apply: (_target, _this, [input, options]: [unknown, ClientCallOptions?]) => call(transport, path, input, options),
  })
}

function call(transport: Transport, path: readonly string[], input: unknown, options?: ClientCallOptions): unknown {
  const procedure = path.slice(0, -1).join('.')
  const last = path.at(-1)
  if (last === 'query') return transport.query(procedure, input, options)
  if (last === 'mutate') return transport.mutation(procedure, input, options)
  if (last === 'subscribe') return subscribe(transport, procedure, input, options as SubscriptionHandlers<unknown>)
  return transport.follow(path.join('.'), input, options)
}

function subscribe(transport: Transport, path: string, input: unknown, handlers: SubscriptionHandlers<unknown>) {
  const { onData, onError, onComplete, ...options } = handlers
  const items = transport.follow(path, input, options)
  const read = async () => {
    for await (const item of items) onData(item)
  }
  read().then(onComplete, (error: unknown) => onError?.(TRPCClientError.from(error as Error)))
  return { unsubscribe: () => void items.return?.() }
}
