import { parse as parseArray } from 'postgres-array'
import { instantFromPostgres } from './instant.ts'

type Parser = (text: string) => unknown

const text: Parser = (value) => value

// By the object id of the type in PostgreSQL. Others arrive as text. Not pg's own table, which any part of the process may
// change for all: what is read here must not depend on it.
const SCALARS: ReadonlyMap<number, Parser> = new Map<number, Parser>([
  [16, (value) => value === 't'], // boolean
  [17, bytesFromPostgres], // bytea
  [21, Number], // smallint
  [23, Number], // integer
  [26, Number], // oid
  [700, Number], // real
  [701, Number], // double precision
  [114, JSON.parse], // json
  [3802, JSON.parse], // jsonb
  [1184, instantFromPostgres], // timestamptz
])

/** The object ids of array types, with that of their elements. */
const ARRAYS: ReadonlyMap<number, number> = new Map([
  [1000, 16],
  [1005, 21],
  [1007, 23],
  [1016, 20],
  [1009, 25],
  [1015, 1043],
  [1185, 1184],
  [2951, 2950],
])

/**
 * How the values of a result are read: `timestamptz` as ISO 8601 text with microseconds, `bigint` and `numeric` as text, JSON
 * parsed, whole numbers and truth values as such.
 */
export function getTypeParser(oid: number): Parser {
  const element = ARRAYS.get(oid)
  if (element === undefined) return SCALARS.get(oid) ?? text
  const parse = SCALARS.get(element) ?? text
  return (value) => parseArray(value, parse)
}

/** In both forms of `bytea_output`: `hex`, and `escape`, in which other bytes than printable ones are octal numbers. */
function bytesFromPostgres(value: string): Buffer {
  if (value.startsWith(String.raw`\x`)) return Buffer.from(value.slice(2), 'hex')
  const bytes = value.replaceAll(/\\(?:\\|([0-3][0-7][0-7]))/g, (_, octal?: string) =>
    octal === undefined ? '\\' : String.fromCodePoint(Number.parseInt(octal, 8)),
  )
  return Buffer.from(bytes, 'latin1')
}
