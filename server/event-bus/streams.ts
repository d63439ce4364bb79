import { EventBusError } from './errors.ts'
import type { EntryFields } from './entry.ts'
import type { RedisSession } from './redis.ts'

/** An entry, and the stream that it goes to. */
export interface NewEntry {
  readonly stream: string
  readonly fields: EntryFields
}

/** An entry that a stream holds; values by field. */
export interface StoredEntry {
  readonly id: string
  readonly fields: ReadonlyMap<string, Buffer>
}

/** Before all entries of a stream. */
export const STREAM_START = '0-0'

/**
 * Reads the text that Redis keeps under a key, and watches the key: the next {@link writeWatched} of this session does nothing
 * if somebody else has changed it by then.
 *
 * @param streams that will be written to: what is none could not be written to, when it is too late to take anything back.
 * @throws {EventBusError} also where a key of that name is no stream.
 */
export async function readWatched(
  session: RedisSession,
  key: string,
  streams: readonly string[],
): Promise<string | null> {
  const results = await session.run((client) => {
    const pipeline = client.pipeline().unwatch().watch(key).get(key)
    for (const stream of streams) pipeline.type(stream)
    return answersOf(pipeline.exec())
  })
  const [, , text, ...types] = results
  for (const [index, type] of types.entries()) {
    if (type === 'stream' || type === 'none') continue
    throw new EventBusError(`the key ${streams[index]} of Redis is no stream: another use has its name`)
  }
  return typeof text === 'string' ? text : null
}

/**
 * Adds entries and keeps a text under the watched key: all of it or nothing, at once.
 *
 * @param write.maxLen so many entries each stream keeps, about.
 * @returns false: somebody else has changed the key since it was read, and nothing was done.
 */
export async function writeWatched(
  session: RedisSession,
  write: {
    readonly key: string
    /** Under the key before; null: nothing was. */
    readonly before: string | null
    readonly after: string
    readonly entries: readonly NewEntry[]
    readonly maxLen: number
  },
): Promise<boolean> {
  const { key, before, after, entries, maxLen } = write
  const results = await session.run((client) => {
    const multi = client.multi()
    for (const { stream, fields } of entries) multi.call('XADD', [stream, 'MAXLEN', '~', maxLen, '*', ...fields])
    return multi.set(key, after).exec()
  })
  if (results === null) return false
  const refused = results.find(([error]) => error !== null)
  if (refused === undefined) return true
  await takeBack(session, { key, before, after })
  throw new EventBusError(`Redis refused a part of a transaction: ${refused[0]?.message}`)
}

/** Redis goes on after a command that fails in a transaction: what is missing is sent again, rather than never. */
async function takeBack(
  session: RedisSession,
  { key, before, after }: { key: string; before: string | null; after: string },
): Promise<void> {
  if ((await readWatched(session, key, [])) !== after) return
  await session.run((client) => {
    const multi = client.multi()
    return (before === null ? multi.del(key) : multi.set(key, before)).exec()
  })
}

/** Reads the entries of a stream after one, at most so many; none where there is no stream. */
export async function readEntries(
  session: RedisSession,
  stream: string,
  after: string,
  count: number,
): Promise<StoredEntry[]> {
  const answer = await session.run((client) => client.callBuffer('XREAD', 'COUNT', count, 'STREAMS', stream, after))
  // By the protocol: [[stream, [[id, [field, value, …]], …]]], or null.
  const [read] = (answer ?? []) as [Buffer, [Buffer, Buffer[]][]][]
  return (read?.[1] ?? []).map(([id, flat]) => ({ id: id.toString(), fields: fieldsOf(flat) }))
}

/** The id of the newest entry that a stream has ever had; {@link STREAM_START}: there is no stream. */
export async function newestId(session: RedisSession, stream: string): Promise<string> {
  const [type] = await session.run((client) => answersOf(client.pipeline().type(stream).exec()))
  if (type === 'none') return STREAM_START
  const flat = await session.run((client) => client.call('XINFO', 'STREAM', stream))
  const fields = Array.isArray(flat) ? flat : []
  return String(fields[fields.indexOf('last-generated-id') + 1])
}

function fieldsOf(flat: readonly Buffer[]): Map<string, Buffer> {
  const names = flat.filter((_, index) => index % 2 === 0)
  return new Map(names.map((name, index) => [name.toString(), flat[2 * index + 1] ?? Buffer.alloc(0)]))
}

async function answersOf(pipeline: Promise<[Error | null, unknown][] | null>): Promise<unknown[]> {
  return ((await pipeline) ?? []).map(([error, answer]) => {
    if (error !== null) throw error
    return answer
  })
}
