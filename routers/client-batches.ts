import { TRPCClientError } from '@trpc/client'
import { clientErrorOf, parsedAnswer } from './client-errors.ts'
import type { Transport } from './client-proxy.ts'
import type { ClientCallOptions } from './client-types.ts'

/** What a request came to: its status and its body, which ought to be JSON. */
export interface Answer {
  readonly status: number
  text(): Promise<string>
}

/**
 * Sends one request of tRPC's batch format: the path with its query, and the inputs by number.
 *
 * @throws {RequestFailed} where nobody was reached, or nobody answered before the signal.
 */
export type Send = (path: string, body: string, signal: AbortSignal) => Promise<Answer>

/** The most calls of a request: with all calls in one, client and server would wait for each other. */
const MAX_CALLS = 32

/** In characters. A call with more than this travels alone: a small one beside it would wait for it. */
const MAX_SHARED_LENGTH = 64 * 1024

interface PendingCall {
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

/**
 * Carries calls out. Those of one turn of the event loop travel together, as with tRPC's own
 * `httpBatchLink`; that one waits for a timer of a millisecond and looks at each of its calls many times, which costs more
 * than the calls.
 *
 * A call that is aborted rejects at once; a request is given up when all of its calls are.
 *
 * @param deadlineMs after which a call is given up that has no answer.
 */
export function batchingClient(send: Send, deadlineMs: number): Pick<Transport, 'query' | 'mutation'> {
  return { query: queue(send, deadlineMs), mutation: queue(send, deadlineMs) }
}

function queue(send: Send, deadlineMs: number) {
  let pending: PendingCall[] = []
  return (path: string, input: unknown, { signal }: ClientCallOptions = {}): Promise<unknown> => {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    try {
      // Here, so that what is no JSON fails alone. Of `undefined` there is none.
      const call = { path, input: JSON.stringify(input), resolve, reject, isAborted: false, onAbort: () => {} }
      if (pending.push(call) === 1) setImmediate(flush)
      return signal ? abortable(promise, call, signal) : promise
    } catch (error) {
      return Promise.reject(TRPCClientError.from(error as Error))
    }
  }

  function flush(): void {
    const calls = pending.filter(({ isAborted }) => !isAborted)
    pending = []
    for (const together of requestsOf(calls)) void sendCalls(together, send, deadlineMs)
  }
}

/** Divides calls among requests: large ones alone, the others by number and size. */
function requestsOf(calls: readonly PendingCall[]): PendingCall[][] {
  const requests: PendingCall[][] = []
  const small = calls.filter((call) => lengthOf(call) <= MAX_SHARED_LENGTH)
  const size = Math.ceil(small.length / Math.ceil(small.length / MAX_CALLS))
  let [current, length]: [PendingCall[], number] = [[], 0]
  for (const call of small) {
    if (current.length >= size || length + lengthOf(call) > MAX_SHARED_LENGTH) {
      requests.push(current)
      ;[current, length] = [[], 0]
    }
    current.push(call)
    length += lengthOf(call)
  }
  if (current.length > 0) requests.push(current)
  return [...requests, ...calls.filter((call) => lengthOf(call) > MAX_SHARED_LENGTH).map((call) => [call])]
}

function lengthOf({ input = '' }: PendingCall): number {
  return input.length
}

async function abortable<T>(promise: Promise<T>, call: PendingCall, signal: AbortSignal): Promise<T> {
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
async function sendCalls(calls: readonly PendingCall[], send: Send, deadlineMs: number): Promise<void> {
  const request = new AbortController()
  const timer = setTimeout(() => request.abort(), deadlineMs)
  let meta = {}
  try {
    giveUpWhenAllAbort(calls, request)
    const path = `${calls.map((call) => call.path).join(',')}?batch=1`
    const inputs = calls.flatMap(({ input }, index) => (input === undefined ? [] : `"${index}":${input}`))
    const response = await send(path, `{${inputs.join(',')}}`, request.signal)
    meta = { response }
    const json = parsedAnswer(response.status, await response.text())
    for (const [index, call] of calls.entries()) answer(call, Array.isArray(json) ? json[index] : json, meta)
  } catch (error) {
    for (const { reject } of calls) reject(clientErrorOf(error, meta))
  } finally {
    clearTimeout(timer)
  }
}

/** Passes on one answer of the server: `{ result: { data } }` or `{ error }`. */
function answer({ resolve, reject }: PendingCall, json: unknown, meta: Record<string, unknown>): void {
  if (typeof json === 'object' && json !== null && 'result' in json) {
    resolve((json.result as { data?: unknown }).data)
  } else {
    reject(TRPCClientError.from((json ?? new Error('The server gave no answer to this call')) as Error, { meta }))
  }
}

function giveUpWhenAllAbort(calls: readonly PendingCall[], request: AbortController): void {
  let wanted = calls.length
  for (const call of calls) {
    call.onAbort = () => {
      wanted -= 1
      if (wanted === 0) request.abort()
    }
  }
}
