import { Pool, type Dispatcher } from 'undici'
import type { AddressRule } from '../../../core/webhook/address.ts'
import type { Answer } from '../../../core/webhook/schedule.ts'
import { guardedConnector, type Lookup } from './connect.ts'
import { failureInWords } from './failure-words.ts'

/** What an endpoint answered. */
export interface Posted {
  readonly answer: Answer
  /** At most 16 KB of text; null: there was no answer. */
  readonly text: string | null
}

/** Sends messages to one endpoint. */
export interface Receiver {
  /** @throws the reason of the signal when it is aborted; nothing else. */
  post(
    message: { readonly headers: Record<string, string>; readonly body: string },
    signal: AbortSignal,
  ): Promise<Posted>
  close(): void
}

export interface ReceiverOptions {
  readonly rule: AddressRule
  readonly lookup?: Lookup | undefined
  /** The most connections. */
  readonly connections: number
  /** Milliseconds for an attempt in all; 15 s unless given. */
  readonly timeoutMs?: number | undefined
}

/** Milliseconds in which an endpoint has to answer (events.md §3). */
const TIMEOUT_MS = 15_000

/** Bytes that are read and kept of an answer. */
const MAX_ANSWER = 16_384

/** Opens an endpoint, with connections of its own: what hangs there keeps nobody else waiting. */
export function openReceiver(
  url: string,
  { rule, lookup, connections, timeoutMs = TIMEOUT_MS }: ReceiverOptions,
): Receiver {
  const { origin, pathname, search } = new URL(url)
  const pool = new Pool(origin, {
    connections,
    connect: guardedConnector(rule, lookup),
    // One time for all of it, below.
    headersTimeout: 0,
    bodyTimeout: 0,
  })
  return {
    async post({ headers, body }, signal) {
      const late = new AbortController()
      const timer = setTimeout(() => late.abort(), timeoutMs)
      try {
        const request = { path: pathname + search, method: 'POST', headers, body } as const
        return await posted(await pool.request({ ...request, signal: AbortSignal.any([signal, late.signal]) }))
      } catch (error) {
        signal.throwIfAborted()
        const words = late.signal.aborted ? `No answer within ${timeoutMs / 1_000} s` : failureInWords(error)
        return { answer: { kind: 'failed', error: words }, text: null }
      } finally {
        clearTimeout(timer)
      }
    },
    close: () => void pool.destroy().catch(() => {}),
  }
}

async function posted({ statusCode: status, headers, body }: Dispatcher.ResponseData): Promise<Posted> {
  const retryAfter = headers['retry-after']
  const text = await beginningOf(body)
  return {
    answer: { kind: 'answered', status, retryAfter: (Array.isArray(retryAfter) ? retryAfter[0] : retryAfter) ?? null },
    text,
  }
}

/** The first bytes of an answer, or those that came in time: its status counts in any case. */
async function beginningOf(body: Dispatcher.ResponseData['body']): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      length += chunk.length
      // Leaving the loop closes the connection: what else comes is never read.
      if (length > MAX_ANSWER) break
    }
  } catch {
    // Cut off.
  }
  return storable(Buffer.concat(chunks).subarray(0, MAX_ANSWER))
}

/** As text that PostgreSQL can store and that is no longer than the bytes may be. */
function storable(bytes: Buffer): string {
  const text = bytes.toString('utf8').replaceAll('\0', ' ')
  if (Buffer.byteLength(text) <= MAX_ANSWER) return text
  // Bytes that are no text take three each in their place.
  return text.slice(0, MAX_ANSWER / 3).toWellFormed()
}
