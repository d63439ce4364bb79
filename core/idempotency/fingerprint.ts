import { createHash } from 'node:crypto'
import { jsonOf } from './json.ts'

/**
 * The SHA-256 of an input as JSON holds it. Equal inputs have equal fingerprints, whatever the order of the keys of their
 * objects; what JSON leaves out (`undefined`) is as if it were not there.
 */
export function fingerprintOf(input: unknown): Buffer {
  return createHash('sha256').update(jsonOf(input, withSortedKeys)).digest()
}

function withSortedKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
