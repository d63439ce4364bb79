import { setTimeout as sleep } from 'node:timers/promises'
import { TRPCClientError } from '@trpc/client'
import type { Tracked, TrackedPage } from '../core/tracked.ts'
import { clientErrorOf, parsedAnswer } from './client-errors.ts'
import { messagesOf, type Message } from './client-events.ts'
import { DONE, itemsOf } from './page-items.ts'
import type { AppRouter } from './router.ts'

/** The answer to a request for a stream. */
export interface StreamAnswer {
  readonly status: number
  readonly isStream: boolean
  readonly body: AsyncIterable<Uint8Array>
  text(): Promise<string>
}

/** @throws `RequestFailed` where nobody was reached, or the connection was lost. */
export type OpenStream = (path: string, body: string, signal: AbortSignal) => Promise<StreamAnswer>

export interface SubscriptionOptions {
  readonly signal?: AbortSignal | undefined
  /** Is told whenever a connection begins to deliver. */
  readonly onStarted?: (() => void) | undefined
  /** Is told that a connection was lost, or never made, and that it is tried again. */
  readonly onLost?: ((error: TRPCClientError<AppRouter>) => void) | undefined
}

/** Milliseconds before a lost connection is made again, which double up to the longest. */
const [SHORTEST_PAUSE_MS, LONGEST_PAUSE_MS] = [50, 5_000]

/** Codes of JSON-RPC after which tRPC's own clients try again: 502, 503, 504. */
const TRANSIENT = new Set(['BAD_GATEWAY', 'SERVICE_UNAVAILABLE', 'GATEWAY_TIMEOUT'])

/**
 * Follows a subscription over server-sent events. A connection that is lost is made again, with the id of what arrived last: so
 * everything arrives once and in order, whichever process of the server answers.
 *
 * @returns its items; `return` or the signal ends it at once, without an error.
 * @throws {TRPCClientError} from the iterator, for what no repeat would change, and where the first connection is not made.
 */
export function followSubscription(
  open: OpenStream,
  path: string,
  input: unknown,
  options: SubscriptionOptions = {},
): AsyncIterableIterator<Tracked<unknown>, void, void> {
  const end = new AbortController()
  const signal = options.signal === undefined ? end.signal : AbortSignal.any([options.signal, end.signal])
  const pages = pagesOf(open, path, input, { ...options, signal })
  return itemsOf({
    next: () => pages.next(),
    async return() {
      end.abort()
      await pages.return()
      return DONE
    },
    [Symbol.asyncIterator]() {
      return this
    },
  })
}

type Page = TrackedPage<unknown>

interface Progress {
  /** After it the next connection resumes. */
  lastId: string | undefined
  hasBegun: boolean
  failures: number
}

async function* pagesOf(
  open: OpenStream,
  path: string,
  input: unknown,
  { signal, onStarted, onLost }: SubscriptionOptions & { signal: AbortSignal },
): AsyncGenerator<Page, void, void> {
  const progress: Progress = { lastId: undefined, hasBegun: false, failures: 0 }
  while (!signal.aborted) {
    try {
      const isOver = yield* oneConnection(open, path, input, { signal, onStarted, progress })
      if (isOver) return
    } catch (cause) {
      if (signal.aborted) return
      const error = cause instanceof TRPCClientError ? cause : clientErrorOf(cause, {})
      if (!progress.hasBegun || !isTransient(error)) throw error
      onLost?.(error)
    }
    const pauseMs = Math.min(SHORTEST_PAUSE_MS * 2 ** progress.failures, LONGEST_PAUSE_MS)
    progress.failures += 1
    await sleep(pauseMs * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {})
  }
}

/** @returns whether the server has ended the subscription, in place of the connection having ended. */
async function* oneConnection(
  open: OpenStream,
  path: string,
  input: unknown,
  { signal, onStarted, progress }: Pick<SubscriptionOptions, 'onStarted'> & { signal: AbortSignal; progress: Progress },
): AsyncGenerator<Page, boolean, void> {
  const { lastId: lastEventId } = progress
  const resumed = lastEventId === undefined ? input : { ...(input as object), lastEventId }
  const answer = await open(path, JSON.stringify(resumed), signal)
  if (!answer.isStream) throw refusalOf(parsedAnswer(answer.status, await answer.text()))
  for await (const messages of messagesOf(answer.body)) {
    const items: Tracked<unknown>[] = []
    let last: Message | undefined
    for (const message of messages) {
      const { event, data, id } = message
      if (id !== undefined) progress.lastId = id
      if (event === 'message' && id !== undefined) items.push({ id, data: JSON.parse(data) as unknown })
      if (event === 'connected' && id !== undefined) {
        progress.hasBegun = true
        onStarted?.()
      }
      if (event === 'message' || event === 'ping') progress.failures = 0
      if (event === 'return' || event === 'serialized-error') last = message
    }
    if (items.length > 0) yield { items, id: progress.lastId ?? '' }
    if (last?.event === 'return') return true
    if (last !== undefined) throw refusalOf({ error: JSON.parse(last.data) as unknown })
  }
  return false
}

function refusalOf(envelope: unknown): TRPCClientError<AppRouter> {
  return TRPCClientError.from(envelope as Error) // An envelope is one of the things that it takes.
}

function isTransient({ data }: TRPCClientError<AppRouter>): boolean {
  return TRANSIENT.has(data?.code ?? '')
}
