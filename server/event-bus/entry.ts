import { hostname } from 'node:os'
import avro from 'avsc'
import { pythonIsoFormat } from '../../core/event/openedx.ts'
import type { BusEvent, BusEventType } from './feed.ts'
import { uuidV5 } from './uuid.ts'

/** A flat map, as names and values one after another. */
export type EntryFields = (string | Buffer)[]

/** The version of openedx-events whose schemas are used. */
const SOURCELIB = '10.5.0'

const SOURCE = 'openedx/enrollment-service/web'

/** Of the ids of entries (events.md §4). */
const NAMESPACE = '6f1d7a52-6c53-5d2b-9e0a-3a1f0d5c7b11'

/**
 * Makes what writes events as entries of a stream (events.md §4): Avro without header or schema, beside what tells of the event.
 *
 * @param host names this machine.
 * @returns throws a {@link TypeError} for data that does not fit the schema of its type.
 */
export function entryWriter(types: readonly BusEventType[], host = hostname()): (event: BusEvent) => EntryFields {
  const encoders = new Map(types.map(({ type, schema }) => [type, encoderOf(schema)]))
  return ({ id, type, at, data }) => {
    const encode = encoders.get(type)
    if (encode === undefined) throw new TypeError(`The event bus has no schema for '${type}'`)
    return [
      ...['type', type],
      ...['id', uuidV5(NAMESPACE, `${id}:${type}`)],
      ...['source', SOURCE],
      ...['time', withMicroseconds(at)],
      ...['minorversion', '0'],
      ...['sourcehost', host],
      ...['sourcelib', SOURCELIB],
      ...['event_data', encode(data)],
    ]
  }
}

function encoderOf(schema: object): (data: unknown) => Buffer {
  // Whoever gives a schema that is none is told so here: the library parses it.
  const type = avro.Type.forSchema(schema as avro.Schema)
  return (data) => type.toBuffer(data)
}

function withMicroseconds(instant: string): string {
  const text = pythonIsoFormat(instant)
  return text.includes('.') ? text : text.replace('+', '.000000+')
}
