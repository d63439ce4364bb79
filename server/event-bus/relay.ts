import type { Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import { noteFailure } from '../../core/event/checkpoint.ts'
import { keepCopy, readCopy } from './copy.ts'
import { entryWriter } from './entry.ts'
import type { BusFeed } from './feed.ts'
import type { Lease } from './lease.ts'
import { advanced, earlier, formatPosition, isSent, parsePosition, type BusPosition } from './position.ts'
import type { RedisConnection } from './redis.ts'
import { readWatched, writeWatched, type NewEntry } from './streams.ts'

/** Changes that are sent in one transaction of Redis, which does nothing else in the meantime: for some milliseconds. */
const PAGE = 400

export interface RelayOptions {
  readonly db: Kysely<DB>
  readonly log: { warn(fields: object, message: string): void }
  readonly feed: BusFeed
  readonly redis: RedisConnection
  readonly lease: Lease
  /** The key under which Redis keeps the position. */
  readonly key: string
  /** The streams that events of a type go to. */
  readonly streamsOf: (type: string) => readonly string[]
  /** So many entries each stream keeps, about. */
  readonly maxLen: number
  readonly now?: (() => Date) | undefined
}

/**
 * Makes what sends a feed to the event bus, a page at a time: each event once in each of its streams, in order, whoever is
 * killed and when (events.md §4). The position is in Redis, beside the entries. The database has a copy of it; where Redis has
 * none, it has lost what it had, and that is sent again as far as the streams hold it.
 *
 * @returns what sends the next page, and says whether there is more to do at once.
 */
export function relayOf(options: RelayOptions): (signal: AbortSignal) => Promise<boolean> {
  const { db, feed, lease, now = () => new Date() } = options
  const sendPage = senderOf(options)
  // Also what a process before this one may have left behind.
  let mayHaveFailed = true
  return async (signal) => {
    if (!(await lease.hold())) return false
    try {
      const isMore = await sendPage(signal)
      if (mayHaveFailed) await noteFailure(db, feed.name, null, now())
      mayHaveFailed = false
      return isMore
    } catch (error) {
      mayHaveFailed = true
      if (!signal.aborted) await noteFailure(db, feed.name, error, now()).catch(() => {})
      throw error
    }
  }
}

function senderOf(options: RelayOptions): (signal: AbortSignal) => Promise<boolean> {
  const { db, feed, redis, key, maxLen, now = () => new Date() } = options
  const write = entryWriter(feed.types)
  const streams = [...new Set(feed.types.flatMap(({ type }) => options.streamsOf(type)))]
  let copied: string | null = null
  const copy = async (cursor: string) => {
    if (cursor !== copied) await keepCopy(db, feed.name, cursor, now())
    copied = cursor
  }

  return async (signal) => {
    const session = await redis.session(signal)
    const before = await readWatched(session, key, streams)
    const position = before === null ? await positionAfterLoss(options) : parsePosition(before)
    const page = await feed.read(db, position.cursor, PAGE)
    if (before !== null && page.cursor === position.cursor) {
      await copy(position.cursor)
      return false
    }
    const next = advanced(position, page)
    const entries = page.events
      .filter((event) => isSent(position, event))
      .flatMap((event): NewEntry[] => {
        const targets = options.streamsOf(event.type)
        const fields = targets.length === 0 ? [] : write(event)
        return targets.map((stream) => ({ stream, fields }))
      })
    // Where another process was faster, its position is read next.
    if (!(await writeWatched(session, { key, before, after: formatPosition(next), entries, maxLen }))) return true
    await copy(next.cursor)
    return page.isMore
  }
}

/** Where to go on when Redis has no position: nothing was ever sent, or Redis has lost it. */
async function positionAfterLoss({ db, log, feed, maxLen }: RelayOptions): Promise<BusPosition> {
  const { start, cursor: through } = await readCopy(db, feed.name)
  if (through === start) return { cursor: start }
  const range = { after: start, through }
  const after: Record<string, string> = {}
  let cursor = through
  for (const { type } of feed.types) {
    const from = await feed.rewind(db, range, type, maxLen)
    after[type] = from
    cursor = earlier(cursor, from)
  }
  log.warn({ feed: feed.name, after: cursor, through }, 'Redis has lost the event bus: its entries are sent again')
  return { cursor, resend: { through, after } }
}
