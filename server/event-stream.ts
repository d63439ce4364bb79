import { Readable } from 'node:stream'
import { getTRPCErrorFromUnknown } from '@trpc/server'
import { perObject } from '../core/database/per-pool.ts'
import type { TrackedPage } from '../core/tracked.ts'
import type { OpenPages } from '../routers/page-items.ts'
import { streams } from '../routers/trpc.ts'
import { errorEnvelope } from './trpc-errors.ts'

// The format of tRPC's `httpSubscriptionLink`. tRPC's own stream takes several turns of the event loop and as many small writes
// for each event of each watcher; here the events of a page are one piece of memory for all who watch.

/** A subscription as server-sent events. */
export interface EventStream {
  readonly stream: Readable
  /** Keeps proxies from cutting, unless something is on its way in any case; ends it where that does not arrive at all. */
  beat(): void
}

/** Milliseconds after which a client of tRPC connects again whose connection was cut. */
const RETRY_MS = 500

/**
 * Writes what a subscription yields, as fast as the client reads.
 *
 * @param pages is left when the stream is destroyed.
 * @param path names the subscription in errors.
 * @param signal aborted: the stream ends so that the client connects again, with the id of what it has seen.
 */
export function eventStreamOf(pages: OpenPages, path: string, signal: AbortSignal): EventStream {
  let lastId: string | undefined
  let resume = () => {}
  let [stuckBeats, hasEnded] = [0, false]
  const stream = new Readable({
    read: () => resume(),
    destroy(error, done) {
      resume()
      pages.return?.().catch(() => {})
      done(error)
    },
  })
  const write = async (chunk: string | Buffer) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    resume = resolve
    if (!stream.push(chunk) && !stream.destroyed) await promise
    stuckBeats = 0
  }
  void writeAll()
  return {
    stream,
    beat() {
      if (stream.destroyed || hasEnded) return
      if (stream.readableLength === 0) stream.push(`event: ping\ndata: \n${idLine(lastId)}\n`)
      else if ((stuckBeats += 1) > MAX_STUCK_BEATS) stream.destroy()
    },
  }

  async function writeAll(): Promise<void> {
    let hasBegun = false
    try {
      for await (const page of pages) {
        lastId = page.id
        // With the id from the beginning: a client that loses its connection before the first event misses none.
        if (!hasBegun) await write(`retry: ${RETRY_MS}\n${CONNECTED}${idLine(page.id)}\n`)
        hasBegun = true
        if (page.items.length > 0) await write(chunkOf(page))
        if (stream.destroyed) return
      }
      if (!signal.aborted) await write('event: return\ndata: \n\n')
    } catch (cause) {
      const error = getTRPCErrorFromUnknown(cause)
      if (!hasBegun) await write(`${CONNECTED}\n`)
      await write(`event: serialized-error\ndata: ${JSON.stringify(errorEnvelope(error, path).error)}\n\n`)
    }
    hasEnded = true
    if (!stream.destroyed) stream.push(null)
  }
}

/** A client that has read nothing for so many heartbeats is gone. */
const MAX_STUCK_BEATS = 6

const CONNECTED = `event: connected\ndata: ${JSON.stringify(streams.client)}\n`

function idLine(id: string | undefined): string {
  return id === undefined ? '' : `id: ${id}\n`
}

/** Pages that are shared are written once. */
const chunkOf = perObject((page: TrackedPage<unknown>): Buffer => {
  const messages = page.items.map(({ id, data }) => `data: ${JSON.stringify(data)}\nid: ${id}\n\n`)
  return Buffer.from(messages.join(''))
})
