import { TRPCClientError, type TRPCUntypedClient } from '@trpc/client'
import type { AppRouter } from './index.ts'

/** What a request came to: its status and its body, which ought to be JSON. */
export interface Answer {
  readonly status: number
  json(): Promise<unknown>
}

/** Sends one request of tRPC's batch format: the path with its query, and the inputs by number. */
export type Send = (path: string, body: string, signal: AbortSignal) => Promise<Answer>

/** The most calls of a request: with all calls in one, client and server would wait for each other. */
const MAX_CALLS = 32

interface Call {
  readonly path: string
  /** JSON; undefined: there is none. */
  readonly input: string | undefined
  readonly resolve: (output: unknown) => void
  readonly reject: (error: unknown) => void
  /** Nobody waits for it any more. */
  isAborted: boolean
  /** Tells the request that it is part of. */
  onAbort: () => void
}

interface CallOptions {
  readonly signal?: AbortSignal | undefined
}

/**
 * What `createTRPCClientProxy` asks of a client. Calls of one turn of the event loop travel together, as with tRPC's own
 * `httpBatchLink`; that one waits for a timer of a millisecond and looks at each of its calls many times, which costs more
 * than the calls.
 *
 * A call that is aborted rejects at once; a request is given up when all of its calls are.
 */
export function batchingClient(send: Send): TRPCUntypedClient<AppRouter> {
  const query = queue(send)
  const mutation = queue(send)
  const subscription = () => {
    throw new TRPCClientError('This client has no subscriptions')
  }
  return { query, mutation, subscription } as unknown as TRPCUntypedClient<AppRouter>
}

function queue(send: Send) {
  let waiting: Call[] = []
  return (path: string, input: unknown, { signal }: CallOptions = {}): Promise<unknown> => {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    try {
      // Here, so that what is no JSON fails alone. Of `undefined` there is none.
      const call: Call = { path, input: JSON.stringify(input), resolve, reject, isAborted: false, onAbort: () => {} }
      if (waiting.push(call) === 1) setImmediate(flush)
      return signal ? abortable(promise, call, signal) : promise
    } catch (error) {
      return Promise.reject(TRPCClientError.from(error as Error))
    }
  }

  function flush(): void {
    const calls = waiting.filter(({ isAborted }) => !isAborted)
    waiting = []
    const size = Math.ceil(calls.length / Math.ceil(calls.length / MAX_CALLS))
    for (let first = 0; first < calls.length; first += size) void carryOut(calls.slice(first, first + size), send)
  }
}

async function abortable<T>(promise: Promise<T>, call: Call, signal: AbortSignal): Promise<T> {
  const abort = () => {
    call.isAborted = true
    call.reject(TRPCClientError.from(signal.reason as Error))
    call.onAbort()
  }
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort)
  try {
    return await promise
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

/** Never rejects. */
async function carryOut(calls: readonly Call[], send: Send): Promise<void> {
  let meta = {}
  try {
    const path = `${calls.map((call) => call.path).join(',')}?batch=1`
    const inputs = calls.flatMap(({ input }, index) => (input === undefined ? [] : `"${index}":${input}`))
    const response = await send(path, `{${inputs.join(',')}}`, whenAllAbort(calls))
    meta = { response }
    const json = await response.json()
    for (const [index, call] of calls.entries()) settle(call, Array.isArray(json) ? json[index] : json, meta)
  } catch (error) {
    for (const { reject } of calls) reject(TRPCClientError.from(error as Error, { meta }))
  }
}

/** Passes on one answer of the server: `{ result: { data } }` or `{ error }`. */
function settle({ resolve, reject }: Call, answer: unknown, meta: Record<string, unknown>): void {
  if (typeof answer === 'object' && answer !== null && 'result' in answer) {
    resolve((answer.result as { data?: unknown }).data)
  } else {
    reject(TRPCClientError.from((answer ?? new Error('The server gave no answer to this call')) as Error, { meta }))
  }
}

function whenAllAbort(calls: readonly Call[]): AbortSignal {
  const controller = new AbortController()
  let wanted = calls.length
  for (const call of calls) {
    call.onAbort = () => {
      wanted -= 1
      if (wanted === 0) controller.abort()
    }
  }
  return controller.signal
}
