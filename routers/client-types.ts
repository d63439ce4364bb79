import type { z } from 'zod'
import type { Tracked } from '../core/tracked.ts'
import type { Operation, OperationTable, Subscription } from './operation.ts'
import type { operations } from './operations.ts'
import type { ErrorShape } from './trpc.ts'

/** How to reach the private listener of a running server: over TCP or over its Unix socket. */
export type ClientOptions = {
  readonly token: string
  /** Milliseconds after which a call is given up that has no answer; 30 s unless given. */
  readonly deadlineMs?: number
} & (
  | { readonly url: string; readonly socketPath?: undefined }
  | { readonly socketPath: string; readonly url?: undefined }
)

/** What a call of the client is told beside its input. */
export interface ClientCallOptions {
  /** Aborted: nobody waits for the call any more. */
  readonly signal?: AbortSignal
}

/**
 * One function for each operation, by group and name: `client.enrollment.get.query(input)` reads,
 * `client.enrollment.enroll.mutate(input)` changes, `client.events.watch(input)` follows. tRPC's own type says the same, and
 * needs the types of a browser.
 */
export type ClientOf<T extends OperationTable> = {
  [Group in keyof T]: { [Name in keyof T[Group]]: ProcedureOfClient<T[Group][Name]> }
}

type ProcedureOfClient<Op> =
  Op extends Operation<infer T, infer S, infer O>
    ? T extends 'query'
      ? { query: (input: z.input<S>, options?: ClientCallOptions) => Promise<O> }
      : { mutate: (input: z.input<S>, options?: ClientCallOptions) => Promise<O> }
    : Op extends Subscription<infer S, infer O>
      ? ClientSubscription<z.input<S>, O>
      : never

/** Follows what comes, over any number of connections: what arrives is tracked, each once and in order (events.md §2). */
export interface ClientSubscription<I, O> {
  /** For `for await`; whoever leaves the loop, or aborts the signal, ends it. */
  (input: I, options?: ClientCallOptions): AsyncIterableIterator<Tracked<O>, void, void>
  /** The same with functions that are called. */
  subscribe(input: I, handlers: SubscriptionHandlers<O>): { unsubscribe(): void }
}

/** A `TRPCClientError`, whose own type needs the types of a browser. */
export interface SubscriptionError extends Error {
  readonly data?: ErrorShape['data'] | null | undefined
}

export interface SubscriptionHandlers<O> extends ClientCallOptions {
  readonly onData: (item: Tracked<O>) => void
  /** It is over, with an error that no repeat would change. */
  readonly onError?: ((error: SubscriptionError) => void) | undefined
  /** It is over, because it was left or came to its end. */
  readonly onComplete?: (() => void) | undefined
  /** Whenever a connection begins to deliver. */
  readonly onStarted?: (() => void) | undefined
  /** Whenever a connection was lost; it is made again. */
  readonly onLost?: ((error: SubscriptionError) => void) | undefined
}

/** One function per procedure, e.g. `client.enrollment.enroll.mutate(input)`; `await using` or `close()` ends it. */
export type Client = ClientOf<typeof operations> & AsyncDisposable & { close(): Promise<void> }
