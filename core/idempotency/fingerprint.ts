import { createHash } from 'node:crypto'

/**
 * The SHA-256 of the JSON of an input. Equal inputs have equal fingerprints, whatever the order of the keys of their
 * objects; what JSON leaves out (`undefined`) is as if it were not there.
 */
export function fingerprintOf(input: unknown): Buffer {
  return createHash('sha256').update(jsonOf(input, withSortedKeys)).digest()
}

function withSortedKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

/**
 * The JSON of a value that has one.
 *
 * @param replacer as `JSON.stringify` takes it.
 * @throws {TypeError} for what JSON does not know: `undefined`, a function, a `bigint`.
 */
export function jsonOf(value: unknown, replacer?: (key: string, value: unknown) => unknown): string {
  // The types of JSON.stringify do not say that some values have no JSON.
  const json = JSON.stringify(value, replacer) as string | undefined
  if (json === undefined) throw new TypeError('What belongs to an idempotency key is JSON')
  return json
}
