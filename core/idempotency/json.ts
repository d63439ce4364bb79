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
