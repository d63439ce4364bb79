import type { MeasureDescription } from './measure.ts'

/**
 * Those of a list of names, with their baselines and what has to be told beside them.
 *
 * @param only all, where it is undefined.
 * @throws RangeError for a name that is not one of a measure.
 */
export function chosen<Of extends MeasureDescription>(all: readonly Of[], only: readonly string[] | undefined): Of[] {
  if (only === undefined) return [...all]
  const unknown = only.filter((name) => !all.some((measure) => measure.name === name))
  if (unknown.length > 0) throw new RangeError(`No measure here is called ${unknown.join(', ')}`)
  const names = new Set(
    all
      .filter(({ name }) => only.includes(name))
      .flatMap(({ name, against = [], beside }) => [name, ...against, ...(beside === undefined ? [] : [beside])]),
  )
  return all.filter(({ name }) => names.has(name))
}
