/** Blanks between columns. */
export const GAP = 2

/** The narrowest column in which text is wrapped. */
export const MIN_TEXT = 20

/** Columns that stand on one line of their row: all of them, unless the terminal is too narrow. */
export interface RowPart {
  readonly indent: number
  /** The first of its columns, and the first after them. */
  readonly from: number
  readonly to: number
}

/**
 * Cuts rows into parts that fit, below each other; the last column of all is wrapped where there is some space for it.
 *
 * @param widths of the columns.
 * @param width of the terminal; `Infinity` where it does not matter.
 */
export function partsOf(widths: readonly number[], width: number): RowPart[] {
  const parts: RowPart[] = []
  const first = (widths[0] ?? 0) + GAP
  const belowFirst = width - first >= 2 * MIN_TEXT ? first : GAP
  let [indent, from, used] = [0, 0, 0]
  for (const [at, own] of widths.entries()) {
    const isLast = at === widths.length - 1
    const isTooWide = used + (isLast ? Math.min(own, MIN_TEXT) : own) > width
    if (isTooWide && at > from) {
      parts.push({ indent, from, to: at })
      ;[indent, from, used] = [belowFirst, at, belowFirst]
    }
    used += own + GAP
  }
  return [...parts, { indent, from, to: widths.length }]
}
