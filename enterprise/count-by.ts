/** Counts values by a name of each, e.g. outcomes by their kind; the numbers add up to how many values there are. */
export function countBy<T>(values: readonly T[], nameOf: (value: T) => string): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const value of values) {
    const name = nameOf(value)
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}
