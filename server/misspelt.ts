/**
 * Finds names that look like one of ours and are none: in capitals at most two typing errors away (a letter too much, too
 * few, another, or two in the wrong order; run §2). A name of four letters has at most one, or every short word would do.
 *
 * @returns one problem for each, with the right name.
 */
export function misspelt(given: Iterable<string>, known: readonly string[]): string[] {
  return [...given].flatMap((name) => {
    if (known.includes(name)) return []
    const meant = known.find((other) => distance(name.toUpperCase(), other) <= (other.length <= 4 ? 1 : 2))
    return meant === undefined ? [] : [`${name} in .env is no setting: is ${meant} meant?`]
  })
}

/** Typing errors between two names; more than two are not counted exactly. */
function distance(one: string, other: string): number {
  if (Math.abs(one.length - other.length) > 2) return 3
  let [beforeLast, last]: [number[], number[]] = [[], Array.from({ length: other.length + 1 }, (_, index) => index)]
  for (let i = 1; i <= one.length; i += 1) {
    const row = [i]
    for (let j = 1; j <= other.length; j += 1) {
      const isSame = one[i - 1] === other[j - 1]
      const isSwapped = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]
      const replaced = (last[j - 1] ?? 0) + (isSame ? 0 : 1)
      const swapped = isSwapped ? (beforeLast[j - 2] ?? 0) + 1 : Infinity
      row.push(Math.min(replaced, swapped, (last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1))
    }
    ;[beforeLast, last] = [last, row]
  }
  return last[other.length] ?? 0
}
