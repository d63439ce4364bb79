import type { Kysely, Transaction } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import { inTransaction } from '../../core/database/transaction.ts'
import { retryOnSerializationFailure } from '../../core/database/retry.ts'
import type { BusReceiver, ReceivedEvent } from './feed.ts'
import { entryReader } from './reader.ts'
import type { RedisConnection, RedisSession } from './redis.ts'
import { newestId, readEntries, STREAM_START, type StoredEntry } from './streams.ts'

/** Entries that are taken in at a time. */
const PAGE = 200

export interface ReceiveOptions {
  readonly db: Kysely<DB>
  readonly log: { warn(fields: object, message: string): void }
  readonly receiver: BusReceiver
  readonly redis: RedisConnection
  readonly stream: string
  readonly now?: (() => Date) | undefined
}

/**
 * Makes what takes in the events of a stream, a page at a time, from the oldest entry on: each once, in order, by any number of
 * processes. How far it is stands in the database, beside the effect. A stream that begins anew is read from its beginning.
 *
 * @returns what takes in the next page, and says whether there is more to do at once.
 */
export function receptionOf({
  db,
  log,
  receiver,
  redis,
  stream,
  now = () => new Date(),
}: ReceiveOptions): (signal: AbortSignal) => Promise<boolean> {
  const read = entryReader(receiver.types)
  const place = { receiver: receiver.name, stream }
  return async (signal) => {
    const after = await openPlace(db, place, now())
    const session = await redis.session(signal)
    const entries = await readEntries(session, stream, after, PAGE)
    const last = entries.at(-1)?.id ?? (await restarted(session, stream, after))
    if (last === null) return false
    const { events, unreadable } = sorted(entries, read)
    const isMoved = await retryOnSerializationFailure(db, () =>
      inTransaction(db, async (trx) => {
        if (!(await movePlace(trx, place, { after, last, now: now() }))) return false
        if (events.length > 0) await receiver.apply(trx, events)
        return true
      }),
    )
    if (isMoved && unreadable > 0) {
      log.warn(
        { receiver: receiver.name, stream, after, last, unreadable },
        'the event bus has entries that cannot be read',
      )
    }
    return isMoved && (entries.length === 0 || entries.length === PAGE)
  }
}

interface Place {
  readonly receiver: string
  readonly stream: string
}

/** Where to go on from a stream that has no entry after the last one; null: there. Ids grow as long as a stream lives. */
async function restarted(session: RedisSession, stream: string, after: string): Promise<string | null> {
  if (after === STREAM_START) return null
  return isBefore(await newestId(session, stream), after) ? STREAM_START : null
}

function isBefore(one: string, other: string): boolean {
  const [[oneMs = 0n, oneNumber = 0n], [otherMs = 0n, otherNumber = 0n]] = [numbersOf(one), numbersOf(other)]
  return oneMs === otherMs ? oneNumber < otherNumber : oneMs < otherMs
}

function numbersOf(id: string): bigint[] {
  return id.split('-').map(BigInt)
}

function sorted(
  entries: readonly StoredEntry[],
  read: ReturnType<typeof entryReader>,
): { events: ReceivedEvent[]; unreadable: number } {
  const results = entries.map(read)
  return {
    events: results.filter((result) => result !== null && result !== 'unreadable'),
    unreadable: results.filter((result) => result === 'unreadable').length,
  }
}

async function openPlace(db: Kysely<DB>, { receiver, stream }: Place, now: Date): Promise<string> {
  const row = await db
    .selectFrom('event_bus_streams')
    .select('last_id')
    .where('receiver', '=', receiver)
    .where('stream', '=', stream)
    .executeTakeFirst()
  if (row !== undefined) return row.last_id
  await db
    .insertInto('event_bus_streams')
    .values({ receiver, stream, last_id: STREAM_START, updated: now.toISOString() })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  return STREAM_START
}

/** Moves on; false: another process has been here. */
async function movePlace(
  trx: Transaction<DB>,
  { receiver, stream }: Place,
  { after, last, now }: { readonly after: string; readonly last: string; readonly now: Date },
): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('event_bus_streams')
    .set({ last_id: last, updated: now.toISOString() })
    .where('receiver', '=', receiver)
    .where('stream', '=', stream)
    .where('last_id', '=', after)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}
