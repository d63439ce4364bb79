/**
 * Ids that a sequence gave to the rows of one statement, in the order of the rows: the plan of a statement may draw them in
 * another one, and the feed shows the events of a transaction by their ids.
 *
 * @param ids numbers as text.
 */
export function ascending(ids: readonly string[]): string[] {
  return ids.toSorted((a, b) => a.length - b.length || (a < b ? -1 : 1))
}
