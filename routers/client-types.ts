import type { z } from 'zod'
import type { Operation, OperationTable } from './operation.ts'
import type { operations } from './operations.ts'

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
 * `client.enrollment.enroll.mutate(input)` changes. tRPC's own type says the same, and needs the types of a browser.
 */
export type ClientOf<T extends OperationTable> = {
  [Group in keyof T]: { [Name in keyof T[Group]]: ProcedureOfClient<T[Group][Name]> }
}

type ProcedureOfClient<Op> =
  Op extends Operation<infer T, infer S, infer O>
    ? T extends 'query'
      ? { query: (input: z.input<S>, options?: ClientCallOptions) => Promise<O> }
      : { mutate: (input: z.input<S>, options?: ClientCallOptions) => Promise<O> }
    : never

/** One function per procedure, e.g. `client.enrollment.enroll.mutate(input)`; `await using` or `close()` ends it. */
export type Client = ClientOf<typeof operations> & AsyncDisposable & { close(): Promise<void> }
