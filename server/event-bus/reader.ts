import avro from 'avsc'
import * as z from 'zod'
import { parseInstant } from '../../core/import-export/fields.ts'
import type { BusEventType, ReceivedEvent } from './feed.ts'
import type { StoredEntry } from './streams.ts'

/** What became of an entry of a stream: null for a type that nobody here wants. */
export type ReadEntry = ReceivedEvent | 'unreadable' | null

const uuid = z.guid()

/**
 * Makes what reads entries that others have written (events.md §4).
 *
 * Fields that a newer openedx-events has at the end of the record are passed over. What is no such entry is `unreadable`.
 */
export function entryReader(types: readonly BusEventType[]): (entry: StoredEntry) => ReadEntry {
  const decoders = new Map(types.map(({ type, schema }) => [type, decoderOf(schema)]))
  return ({ fields }) => {
    const type = textOf(fields.get('type'))
    const decode = decoders.get(type)
    if (decode === undefined) return null
    const id = uuid.safeParse(textOf(fields.get('id')))
    const at = parseInstant(textOf(fields.get('time')))
    const data = decode(fields.get('event_data') ?? Buffer.alloc(0))
    return id.success && at !== null && data !== null ? { type, id: id.data, at, data } : 'unreadable'
  }
}

function decoderOf(schema: object): (bytes: Buffer) => unknown {
  // Whoever gives a schema that is none is told so here: the library parses it.
  const type = avro.Type.forSchema(schema as avro.Schema)
  return (bytes) => {
    try {
      const { value, offset } = type.decode(bytes, 0)
      return offset < 0 ? null : value
    } catch {
      return null
    }
  }
}

function textOf(bytes: Buffer | undefined): string {
  return bytes?.toString('utf8') ?? ''
}
